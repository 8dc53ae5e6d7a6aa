/** RFC 1985: ETRN, from the command to the mail that is sent for it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Domain } from '../../mta/config.ts';
import { ownDomain } from '../../mta/testing/flow-world.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const held = (name: string, more: Partial<Extract<Domain['target'], { type: 'hold' }>> = {}): Domain =>
  ownDomain(name, {
    target: { type: 'hold', maxAgeSeconds: 3600, etrnFrom: ['127.0.0.1'], users: [], hosts: [], ...more },
  });

const send = async (relay: Relay, to: string): Promise<void> => {
  const wire = await Wire.hello(relay.port);
  await wire.startContent(to);
  wire.send('Subject: one\r\n\r\none\r\n.\r\n');
  expect((await wire.reply()).code).toBe(250);
};

const ask = async (relay: Relay, ...nodes: string[]): Promise<string[]> => {
  const wire = await Wire.hello(relay.port);
  const replies: string[] = [];
  for (const node of nodes) {
    const { status, lines } = await wire.command(`ETRN ${node}`);
    replies.push(`${status}${status.includes(' ') ? '' : ' '}: ${lines[0]!.replace(/^\d\.\d\.\d+ /, '')}`);
  }
  return replies;
};

describe('RFC 1985 §5: ETRN', () => {
  it('is announced to clients that may ask for something, and to no others', async () => {
    const relay = await startRelay({ domains: [held('held.test')] });
    const other = await startRelay({ domains: [held('held.test', { etrnFrom: ['192.0.2.1'] })] });
    const announced = async ({ port }: Relay) => {
      const wire = await Wire.connect(port);
      await wire.reply();
      return (await wire.command('EHLO client.test')).lines.includes('ETRN');
    };
    expect(await announced(relay)).toBe(true);
    expect(await announced(other)).toBe(false);
  });

  it('§5.1: mail waits until it is asked for, and is sent over another connection then', async () => {
    const relay = await startRelay({ domains: [held('held.test')] });
    await send(relay, 'anna@held.test');
    await send(relay, 'bert@held.test');
    await send(relay, 'carl@elsewhere.test');
    // What isn't held goes on at once: so would what is held.
    await expect.poll(() => relay.ended.map(({ to }) => to)).toEqual(['carl@elsewhere.test']);
    expect(relay.peer.lines.join()).not.toContain('held.test');
    expect(await ask(relay, 'held.test')).toEqual([
      '253 2.0.0: OK, 2 pending messages for node held.test started',
    ]);
    await expect
      .poll(() => relay.ended.map(({ to }) => to).toSorted())
      .toEqual(['anna@held.test', 'bert@held.test', 'carl@elsewhere.test']);
    expect(await ask(relay, 'held.test')).toEqual(['251 2.0.0: OK, no messages waiting for node held.test']);
  });

  it('§5.1: what could not be delivered waits until it is asked for again', async () => {
    let isReady = false;
    const relay = await startRelay({
      domains: [held('held.test')],
      peer: { answers: { RCPT: () => (isReady ? '250 Ok' : '450 not yet') } },
    });
    await send(relay, 'anna@held.test');
    await ask(relay, 'held.test');
    await expect.poll(() => relay.attempted).toHaveLength(1);
    await expect.poll(async () => (await relay.queued())[0]?.jobs[0]).toMatchObject({ attempts: 1 });
    const [message] = await relay.queued();
    expect(message!.jobs[0]!.dueAt).toBe(message!.envelope.arrivedAt + 3_600_000);
    isReady = true;
    expect(await ask(relay, 'HELD.test')).toEqual([
      '253 2.0.0: OK, 1 pending messages for node HELD.test started',
    ]);
    await expect.poll(() => relay.ended).toMatchObject([{ to: 'anna@held.test', outcome: 'delivered' }]);
  });

  it('§5.1: 459 for a node that the client may not ask for, whether or not its mail is held here', async () => {
    const relay = await startRelay({
      domains: [held('held.test', { etrnFrom: ['192.0.2.1'] }), held('mine.test')],
    });
    await send(relay, 'anna@held.test');
    expect(await ask(relay, 'held.test', 'elsewhere.test', '@test')).toEqual([
      '459 4.7.1: Node not allowed: held.test',
      '459 4.7.1: Node not allowed: elsewhere.test',
      '251 2.0.0: OK, no messages waiting for node @test',
    ]);
    expect(await relay.queued()).toHaveLength(1);
  });

  it('§5.3: @ names a domain and all below it, # a queue, of which there are none', async () => {
    const relay = await startRelay({ domains: [held('held.test'), held('a.held.test'), held('xheld.test')] });
    for (const domain of ['held.test', 'a.held.test', 'xheld.test']) await send(relay, `anna@${domain}`);
    expect(await ask(relay, '#uucp', '@held.test')).toEqual([
      '458 4.3.0: Unable to queue messages for node: #uucp',
      '253 2.0.0: OK, 2 pending messages for node @held.test started',
    ]);
    await expect
      .poll(() => relay.ended.map(({ to }) => to).toSorted())
      .toEqual(['anna@a.held.test', 'anna@held.test']);
  });

  it('§5: is refused in a transaction, before EHLO, without a node, and with one that is none', async () => {
    const relay = await startRelay({ domains: [held('held.test')] });
    const wire = await Wire.connect(relay.port);
    await wire.reply();
    expect((await wire.command('ETRN held.test')).status).toBe('503 5.5.1');
    await wire.command('EHLO client.test');
    expect(await wire.dialogue('ETRN', 'ETRN -', 'ETRN a b')).toEqual([
      '501 5.5.4',
      '501 5.5.4',
      '501 5.5.4',
    ]);
    expect(
      await wire.dialogue('MAIL FROM:<x@elsewhere.test>', 'ETRN held.test', 'RSET', 'ETRN held.test'),
    ).toEqual(['250 2.1.0', '503 5.5.1', '250 2.0.0', '251 2.0.0']);
  });
});
