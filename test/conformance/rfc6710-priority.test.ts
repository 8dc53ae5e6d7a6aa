/** RFC 6710: some mail is sent before other mail. */
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { type Relay, type RelayOptions, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const KNOWS = '250-peer.test\r\n250-PIPELINING\r\n250 MT-PRIORITY MIXER';
const start = (maxPriority?: number, more: RelayOptions = {}) =>
  startRelay({
    peer: { answers: { EHLO: KNOWS } },
    ...more,
    listener: { ...(maxPriority === undefined ? {} : { maxPriority }), ...more.listener },
  });

async function send({ port }: Relay, parameters: string, to = 'bob@peer.test', from = 'anna@sender.test') {
  const wire = await Wire.hello(port);
  const mail = await wire.command(`MAIL FROM:<${from}> ${parameters}`);
  await wire.dialogue(`RCPT TO:<${to}>`, 'DATA');
  expect((await wire.command('Subject: hello\r\n\r\nhello\r\n.')).status).toBe('250 2.0.0');
  return mail;
}

const mails = ({ peer }: Relay) => peer.lines.filter((line) => line.startsWith('MAIL'));

describe('RFC 6710 §3, §4.1: the parameter', () => {
  it('§3 (2), (3): EHLO announces MT-PRIORITY, without the name of a policy', async () => {
    const wire = await Wire.connect((await start()).port);
    await wire.reply();
    expect((await wire.command('EHLO client.test')).lines).toContain('MT-PRIORITY');
  });

  it.each([
    ...['MT-PRIORITY', 'MT-PRIORITY=', 'MT-PRIORITY=10', 'MT-PRIORITY=-10', 'MT-PRIORITY=+1'],
    ...['MT-PRIORITY=01', 'MT-PRIORITY=-0', 'MT-PRIORITY=x', 'MT-PRIORITY=1 MT-PRIORITY=1'],
  ])('§4.1 (1): %s is refused with 501', async (parameter) => {
    const wire = await Wire.hello((await start(9)).port);
    expect((await wire.command(`MAIL FROM:<anna@sender.test> ${parameter}`)).code).toBe(501);
  });

  it('§4.1 (2): Received has it, and of mail without one has nothing', async () => {
    const relay = await start(4);
    await send(relay, 'MT-PRIORITY=4');
    await send(relay, 'MT-PRIORITY=-3');
    await send(relay, '');
    await waitFor('all', () => relay.peer.contents.length === 3);
    const clauses = relay.peer.contents.map(
      (content) => / PRIORITY (-?\d);/.exec(content.toString().replace(/\r\n\s/g, ' '))?.[1],
    );
    expect(new Set(clauses)).toEqual(new Set(['4', '-3', undefined]));
  });

  it.each([
    ['a client that may relay, as far as the listener allows it', 3, '127.0.0.0/8', 'bob@peer.test', 3],
    ['a client that may relay, where the listener allows none', undefined, '127.0.0.0/8', 'bob@peer.test', 0],
    ['anybody else, whatever the listener allows', 9, '192.0.2.0/24', 'bob@own.test', 0],
  ])('§4.1: a priority above 0 is lowered, and 2.3.6 says to what: of %s', async (...row) => {
    const [, most, network, to, gets] = row;
    const relay = await start(most, { listener: { relayFrom: [network] }, domains: ['own.test'] });
    const reply = await send(relay, 'MT-PRIORITY=9', to);
    expect(reply.status).toBe('250 2.3.6');
    expect(reply.lines[0]).toBe(`2.3.6 ${gets} is the new priority assigned to the message`);
    await waitFor('the mail', () => mails(relay).length === 1);
    expect(mails(relay)[0]).toContain(` MT-PRIORITY=${gets}`);
  });

  it.each([
    ['one below 0 is anybody’s to ask for', 0, '192.0.2.0/24', '-9'],
    ['so is 0', 0, '192.0.2.0/24', '0'],
    ['what is allowed is not changed', 4, '127.0.0.0/8', '4'],
  ])('§4.1: %s', async (_, most, network, asked) => {
    const relay = await start(most || undefined, {
      listener: { relayFrom: [network] },
      domains: ['own.test'],
    });
    expect((await send(relay, `MT-PRIORITY=${asked}`, 'bob@own.test')).status).toBe('250 2.1.0');
  });
});

describe('RFC 6710 §4.2, §4.3, §4.6: relaying, and reports', () => {
  it('§4.2: it goes on to who knows of it, and 0 where none was given', async () => {
    const relay = await start(9);
    await send(relay, 'MT-PRIORITY=6');
    await send(relay, '');
    await waitFor('both', () => mails(relay).length === 2);
    expect(
      mails(relay)
        .map((line) => / MT-PRIORITY=(-?\d)/.exec(line)?.[1])
        .sort(),
    ).toEqual(['0', '6']);
  });

  it('§4.2, §6: so it does over LMTP', async () => {
    const relay = await start(9, { protocol: 'lmtp', peer: { answers: { LHLO: KNOWS } } });
    await send(relay, 'MT-PRIORITY=6');
    await waitFor('the mail', () => mails(relay).length === 1);
    expect(mails(relay)[0]).toContain(' MT-PRIORITY=6');
  });

  it('§4.3: nothing is said of it to who does not', async () => {
    const relay = await start(9, { peer: {} });
    await send(relay, 'MT-PRIORITY=6');
    await waitFor('the mail', () => mails(relay).length === 1);
    expect(mails(relay)[0]).not.toContain('PRIORITY');
  });

  it('§4.6: a report has the priority of what it reports', async () => {
    const relay = await start(9, {
      peer: { answers: { RCPT: '550 5.1.1 nobody' } },
      inbox: { answers: { EHLO: KNOWS } },
    });
    await send(relay, 'MT-PRIORITY=6');
    await waitFor('the report', () => relay.inbox.contents.length === 1);
    expect(relay.inbox.lines.find((line) => line.startsWith('MAIL'))).toContain('<> ');
    expect(relay.inbox.lines.find((line) => line.startsWith('MAIL'))).toContain(' MT-PRIORITY=6');
  });
});

describe('RFC 6710 §5.1: expedited transfer', () => {
  it('of what waits for a next hop the highest priority goes first, and the lowest last', async () => {
    let up = false;
    const relay = await start(9, {
      peer: { greeting: () => (up ? '220 peer.test' : '421 4.3.2 down'), answers: { EHLO: KNOWS } },
      world: { connections: 1 },
      delivery: { retry: { initialSeconds: 1, factor: 1, maxSeconds: 1, jitter: 0 } },
    });
    await send(relay, '');
    await waitFor('the first attempt', () => relay.attempted.length > 0);
    const asked = [-9, 0, 3, -1, 9, 6, 1];
    for (const priority of asked) await send(relay, `MT-PRIORITY=${priority}`, `p${priority}@peer.test`);
    up = true;
    await waitFor('all of it', () => relay.ended.length === asked.length + 1);
    const sent = mails(relay).map((line) => Number(/ MT-PRIORITY=(-?\d)/.exec(line)![1]));
    expect(sent).toEqual([...asked, 0].toSorted((a, b) => b - a));
  });
});
