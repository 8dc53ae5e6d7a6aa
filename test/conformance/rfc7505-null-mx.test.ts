/** RFC 7505: domains that accept no mail. */
import { afterEach, describe, expect, it } from 'vitest';
import { a, mx } from '../../mta/route/testing/dns-server.ts';
import { waitFor } from '../support/wait.ts';
import { startMailHosts, stopMailHosts } from './mail-hosts.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(async () => {
  await stopRelays();
  await stopMailHosts();
});

const NULL_MX = mx('no.test', 0, '.');

async function send(relay: Relay, from = 'anna@sender.test', to = 'bob@no.test'): Promise<void> {
  const wire = await Wire.hello(relay.port);
  expect(await wire.dialogue(`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA')).toEqual([
    ...['250 2.1.0', '250 2.1.5', '354'],
  ]);
  wire.send('Subject: x\r\n\r\nx\r\n.\r\n');
  expect((await wire.reply()).status).toBe('250 2.0.0');
}

describe('RFC 7505: a null MX', () => {
  it('§4.1: of a recipient’s domain is the end at the first attempt: 556 5.1.10, and the sender hears of it', async () => {
    const hosts = await startMailHosts({ records: [NULL_MX] });
    const relay = await startRelay({ hops: hosts.hops });
    await send(relay);
    const ended = await waitFor('it to have ended', () => relay.ended[0]);
    expect(ended).toMatchObject({
      ...{ outcome: 'bounced', attempts: 1, to: 'bob@no.test' },
      reply: { code: 556, enhanced: '5.1.10' },
    });
    await waitFor('the report', () => relay.inbox.contents.length > 0);
    expect(relay.inbox.contents[0]!.toString()).toContain('Status: 5.1.10');
  });

  it('§3: leads to no other lookup, and to no connection, where the domain has an address', async () => {
    const hosts = await startMailHosts({
      records: [NULL_MX, a('no.test', '127.0.0.2')],
      hosts: { '127.0.0.2': {} },
    });
    const relay = await startRelay({ hops: hosts.hops });
    await send(relay);
    expect(await waitFor('it to have ended', () => relay.ended[0])).toMatchObject({ outcome: 'bounced' });
    expect(hosts.asked()).toEqual(['MX no.test']);
    expect(hosts.at['127.0.0.2']!.connections()).toBe(0);
  });

  it('§3: beside another MX is none: mail goes to the other', async () => {
    const hosts = await startMailHosts({
      records: [NULL_MX, mx('no.test', 10, 'mx.no.test'), a('mx.no.test', '127.0.0.2')],
      hosts: { '127.0.0.2': {} },
    });
    const relay = await startRelay({ hops: hosts.hops });
    await send(relay);
    expect(await waitFor('it to have ended', () => relay.ended[0])).toMatchObject({ outcome: 'delivered' });
    expect(hosts.at['127.0.0.2']!.contents).toHaveLength(1);
  });

  it('§4.2: of a sender’s domain refuses nothing, and a report to it ends at once', async () => {
    const hosts = await startMailHosts({
      records: [NULL_MX, mx('peer.test', 10, 'mx.peer.test'), a('mx.peer.test', '127.0.0.2')],
      hosts: { '127.0.0.2': { answers: { RCPT: '550 5.1.1 no such user' } } },
    });
    const relay = await startRelay({ hops: hosts.hops });
    await send(relay, 'anna@no.test', 'bob@peer.test');
    await waitFor('both to have ended', () => relay.ended.length === 2);
    expect(relay.ended.map(({ from, to, outcome, reply }) => [from, to, outcome, reply.enhanced])).toEqual([
      ['anna@no.test', 'bob@peer.test', 'bounced', '5.1.1'],
      ['', 'anna@no.test', 'bounced', '5.1.10'],
    ]);
    expect(await relay.queued()).toEqual([]);
  });
});
