/** What becomes of messages whose next hop is a webhook: real queue, real connections, reports to the sender. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hopTo } from './deliver/testing/send.ts';
import { usePeers } from './deliver/testing/use-peers.ts';
import { CUT, http, json, partsOf, type Request, type Says } from './deliver/webhook/testing/receiver.ts';
import { useReceivers, webhookHop } from './deliver/webhook/testing/use-receivers.ts';
import { idOf, openWorld, type World, type WorldOptions } from './testing/flow-world.ts';

const { receiverOf } = useReceivers();
const { peerOf } = usePeers();
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});
const until = (check: () => void) => vi.waitFor(check, { timeout: 8000, interval: 5 });

/** Answers one after the other, then 200. Bounces go to the inbox. */
async function withReceiver(answers: readonly Says[], more: Partial<WorldOptions> = {}) {
  const left = [...answers];
  const receiver = await receiverOf({ answer: () => left.shift() ?? http('200 OK') });
  const inbox = await peerOf();
  const world = await openWorld({
    hops: ({ key }) => [key === 'mx:sender.test' ? hopTo(inbox.port) : webhookHop(receiver.port)],
    ...more,
  });
  worlds.push(world);
  return { receiver, inbox, ...world };
}

const envelopeOf = (request: Request) => JSON.parse(partsOf(request)[0]!.content.toString());
const idsOf = (requests: readonly Request[]) => requests.map(({ fields }) => fields.get('webhook-id'));

describe('a message for a webhook', () => {
  it('is one request for all of its recipients there, and is delivered', async () => {
    const { accept, receiver, ended, queue } = await withReceiver([]);
    const id = idOf(await accept({ to: ['a@peer.test', 'b@peer.test'] }));
    await until(() => expect(ended).toHaveLength(2));
    expect(receiver.requests).toHaveLength(1);
    expect(envelopeOf(receiver.requests[0]!)).toMatchObject({ id, attempt: 1, from: 'anna@sender.test' });
    expect(ended[0]).toMatchObject({ outcome: 'delivered', reply: { code: 250, text: 'HTTP 200 OK' } });
    expect(ended[0]?.nextHop).toBe(`peer.test[127.0.0.1]:${receiver.port}`);
    expect(queue.counts().messages).toBe(0);
  });

  it('is tried again for those that were deferred, and for no other', async () => {
    const { accept, receiver, ended } = await withReceiver([
      json('207 x', {
        recipients: [
          { index: 0, status: 'delivered' },
          { index: 1, status: 'deferred' },
        ],
      }),
      http('500 Oops'),
    ]);
    await accept({ to: ['a@peer.test', 'b@peer.test'] });
    await until(() => expect(ended).toHaveLength(2));
    expect(receiver.requests.map(envelopeOf)).toMatchObject([
      { attempt: 1, recipients: [{ index: 0 }, { index: 1 }] },
      { attempt: 2, recipients: [{ index: 1, address: 'b@peer.test' }] },
      { attempt: 3, recipients: [{ index: 1, address: 'b@peer.test' }] },
    ]);
    const [first, second, third] = idsOf(receiver.requests);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
  });

  it('bounces with what the webhook said of each', async () => {
    const { accept, inbox, receiver } = await withReceiver([
      json('200 OK', {
        recipients: [
          { index: 0, status: 'bounced', code: '5.1.1', message: 'no such customer' },
          { index: 1, status: 'delivered' },
        ],
      }),
    ]);
    await accept({ to: ['a@peer.test', 'b@peer.test'] });
    await until(() => expect(inbox.contents).toHaveLength(1));
    const bounce = String(inbox.contents[0]);
    const status = bounce.slice(bounce.indexOf('Content-Type: message/delivery-status'));
    expect(status).toContain('Final-Recipient: rfc822; a@peer.test\r\nAction: failed\r\nStatus: 5.1.1\r\n');
    expect(status).toContain('Remote-MTA: dns; peer.test\r\n');
    expect(status).toMatch(/Diagnostic-Code: x-http; 200 OK, bounced: no such customer\r\n/);
    expect(bounce).toContain(`http://peer.test:${receiver.port} said: 550 5.1.1 HTTP 200 OK,`);
    expect(status).not.toContain('b@peer.test');
  });

  it('of a status that refuses it bounces for all', async () => {
    const { accept, inbox, ended } = await withReceiver([http('422 Unprocessable Content')]);
    await accept({ to: ['a@peer.test'] });
    await until(() => expect(inbox.contents).toHaveLength(1));
    expect(ended[0]).toMatchObject({ outcome: 'bounced', reply: { code: 554, enhanced: '5.6.0' } });
  });

  it('is sent again at once where only an idle connection was gone, with the same id', async () => {
    const { accept, receiver, ended, attempted } = await withReceiver([http('200 OK'), CUT]);
    await accept({ to: ['a@peer.test'] });
    await until(() => expect(ended).toHaveLength(1));
    await accept({ to: ['b@peer.test'] });
    await until(() => expect(ended).toHaveLength(2));
    const [, second, third] = receiver.requests;
    expect(idsOf([third!])).toEqual(idsOf([second!]));
    expect(third?.connection).toBe(2);
    expect(attempted.map(({ attempts }) => attempts)).toEqual([1, 1]);
  });

  it('waits as long as it is asked to, within the longest wait that there is', async () => {
    const { accept, attempted } = await withReceiver([http('503 Busy', '', { 'Retry-After': '9999' })], {
      delivery: { retry: { initialSeconds: 0.01, factor: 1, maxSeconds: 600, jitter: 0 } },
    });
    const before = Date.now();
    await accept({ to: ['a@peer.test'] });
    await until(() => expect(attempted).toHaveLength(1));
    const waits = attempted[0]!.nextAttemptAt! - before;
    expect(waits).toBeGreaterThanOrEqual(600_000);
    expect(waits).toBeLessThan(700_000);
  });
});

describe('reports of success', () => {
  it('say delivered: the webhook is the end of the way', async () => {
    const { accept, inbox } = await withReceiver([]);
    await accept({ to: ['a@peer.test'], notify: ['SUCCESS'] });
    await until(() => expect(inbox.contents).toHaveLength(1));
    expect(String(inbox.contents[0])).toContain('Action: delivered\r\n');
  });
});
