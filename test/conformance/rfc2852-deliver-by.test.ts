/** RFC 2852: mail that is to be delivered by a time, else goes back, or has its sender told. */
import { afterEach, describe, expect, it } from 'vitest';
import { deliveryStatusOf } from '../../mta/reports/testing/blocks.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, type RelayOptions, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const ehlo = (...extensions: string[]) =>
  ['250-peer.test', ...extensions.map((name) => `250-${name}`), '250 PIPELINING'].join('\r\n');
const start = (answers: Record<string, string> = {}, more: RelayOptions = {}) =>
  startRelay({ peer: { answers: { EHLO: ehlo('DELIVERBY'), ...answers } }, ...more });

async function send(relay: Relay, parameters: string, ...rcpts: string[]): Promise<string> {
  const wire = await Wire.hello(relay.port);
  const mail = (await wire.command(`MAIL FROM:<anna@sender.test> ${parameters}`)).status;
  if (mail !== '250 2.1.0') return mail;
  for (const rcpt of rcpts.length > 0 ? rcpts : ['<bob@peer.test>']) await wire.command(`RCPT TO:${rcpt}`);
  await wire.command('DATA');
  return (await wire.command('Subject: hello\r\n\r\nhello\r\n.')).status;
}

const said = ({ peer }: Relay, verb: string) => peer.lines.filter((line) => line.startsWith(verb));

/** The delivery-status of each report that has come, as blocks of fields. */
async function reports({ inbox }: Relay, count = 1): Promise<Record<string, string>[][]> {
  await waitFor('the reports', () => inbox.contents.length >= count);
  return Promise.all(inbox.contents.map(deliveryStatusOf));
}

/** Nothing more is under way, and no report has been sent. */
async function expectNoReport(relay: Relay): Promise<void> {
  await waitFor('the end', () => relay.ended.length > 0);
  await relay.scheduler.drain();
  expect(relay.inbox.contents).toEqual([]);
}

describe('RFC 2852 §2, §4: the parameter', () => {
  it('§2 (3): EHLO announces DELIVERBY; no least time is told, as there is none', async () => {
    const wire = await Wire.connect((await start()).port);
    await wire.reply();
    expect((await wire.command('EHLO client.test')).lines).toContain('DELIVERBY');
  });

  it.each([
    ['BY', '501 5.5.4'],
    ['BY=', '501 5.5.4'],
    ['BY=60', '501 5.5.4'],
    ['BY=60;X', '501 5.5.4'],
    ['BY=60;RX', '501 5.5.4'],
    ['BY=1000000000;R', '501 5.5.4'],
    ['BY=0;R', '501 5.5.4'],
    ['BY=-1;R', '501 5.5.4'],
    ['BY=60;R BY=60;R', '501 5.5.4'],
    ['BY=60;R', '250 2.1.0'],
    ['BY=+60;rt', '250 2.1.0'],
    ['BY=0;N', '250 2.1.0'],
    ['BY=-999999999;NT', '250 2.1.0'],
    ['BY=999999999;N', '250 2.1.0'],
  ])('§4: %s is answered %s', async (parameter, status) => {
    const wire = await Wire.hello((await start()).port);
    expect((await wire.command(`MAIL FROM:<anna@sender.test> ${parameter}`)).status).toBe(status);
  });

  it('RFC 4865 §5.2.2: what is held for longer than it may take is refused with 501 5.5.4', async () => {
    const relay = await start({}, { listener: { role: 'submission', futureRelease: { maxSeconds: 600 } } });
    expect(await send(relay, 'HOLDFOR=100 BY=60;R')).toBe('501 5.5.4');
    expect(await send(relay, 'HOLDFOR=60 BY=100;N')).toBe('250 2.0.0');
  });
});

describe('RFC 2852 §4.1: when the time passes', () => {
  const BUSY = { RCPT: '450 4.2.0 not now' };

  it('§4.1.3: mode R: it goes back with 5.4.7, and no further attempt is made', async () => {
    const relay = await start(BUSY);
    expect(await send(relay, 'BY=1;R')).toBe('250 2.0.0');
    const [message] = await relay.queued();
    const [[header, recipient]] = (await reports(relay)) as [
      [Record<string, string>, Record<string, string>],
    ];
    expect(recipient).toMatchObject({ Action: 'failed', Status: '5.4.7' });
    // §4.1, §5
    expect(header).toHaveProperty('Arrival-Date');
    expect(Date.parse(header['Deliver-By-Date']!)).toBe(
      Math.floor(message!.envelope.deliverBy! / 1000) * 1000,
    );
    expect(relay.ended[0]).toMatchObject({ outcome: 'expired', to: 'bob@peer.test' });
    expect(Date.now()).toBeGreaterThanOrEqual(message!.envelope.deliverBy!);
    const tried = said(relay, 'RCPT').length;
    expect(tried).toBeGreaterThan(1);
    await relay.scheduler.drain();
    expect(said(relay, 'RCPT')).toHaveLength(tried);
  });

  it('§4.1.3: mode R: so does what waits for a next hop that is down, when its time has come', async () => {
    const relay = await start({}, { peer: { greeting: '421 4.3.2 down' } });
    expect(await send(relay, 'BY=1;R')).toBe('250 2.0.0');
    expect((await reports(relay))[0]![1]).toMatchObject({ Action: 'failed', Status: '5.4.7' });
  });

  it('§4.1.3: mode R: who wants no failures told hears nothing', async () => {
    const relay = await start(BUSY);
    expect(await send(relay, 'BY=1;R', '<bob@peer.test> NOTIFY=NEVER')).toBe('250 2.0.0');
    await expectNoReport(relay);
  });

  it('§4.1.3: mode N: the sender is told with 4.4.7, once, and it is tried further', async () => {
    let refused = true;
    const relay = await startRelay({
      peer: {
        answers: { EHLO: ehlo('DELIVERBY'), RCPT: () => (refused ? '450 4.2.0 not now' : '250 2.1.5 Ok') },
      },
    });
    expect(await send(relay, 'BY=1;N')).toBe('250 2.0.0');
    const [[, recipient]] = (await reports(relay)) as [[unknown, Record<string, string>]];
    expect(recipient).toMatchObject({ Action: 'delayed', Status: '4.4.7' });
    expect(recipient).toHaveProperty('Will-Retry-Until');
    const tried = said(relay, 'RCPT').length;
    await waitFor('more attempts', () => said(relay, 'RCPT').length > tried + 3);
    refused = false;
    await waitFor('the end', () => relay.ended.some(({ to }) => to === 'bob@peer.test'));
    await relay.scheduler.drain();
    expect(relay.inbox.contents).toHaveLength(1);
  });

  it('§4.1.3: mode N: of who wants no delays told, nothing is', async () => {
    const relay = await start(BUSY, { delivery: { lifetimeSeconds: 2 } });
    expect(await send(relay, 'BY=1;N', '<bob@peer.test> NOTIFY=SUCCESS')).toBe('250 2.0.0');
    await expectNoReport(relay);
  });

  it('§4.1: what is late when it comes has been told of by whoever had it in time', async () => {
    const relay = await start(BUSY, { delivery: { lifetimeSeconds: 1 } });
    expect(await send(relay, 'BY=-5;N')).toBe('250 2.0.0');
    const [[, recipient]] = (await reports(relay)) as [[unknown, Record<string, string>]];
    expect(recipient).toMatchObject({ Action: 'failed' });
  });

  it('§4.1.2: what fails for good before its time goes back as ever', async () => {
    const relay = await start({ RCPT: '550 5.1.1 nobody' });
    expect(await send(relay, 'BY=600;R')).toBe('250 2.0.0');
    const [[header, recipient]] = (await reports(relay)) as [
      [Record<string, string>, Record<string, string>],
    ];
    expect(recipient).toMatchObject({ Action: 'failed', Status: '5.1.1' });
    expect(header).toHaveProperty('Deliver-By-Date');
  });
});

describe('RFC 2852 §4.1.4: relaying', () => {
  it('what is left goes on, with the mode as it came', async () => {
    const relay = await start();
    expect(await send(relay, 'BY=600;R')).toBe('250 2.0.0');
    expect(await send(relay, 'BY=-5;N')).toBe('250 2.0.0');
    await waitFor('both', () => said(relay, 'MAIL').length === 2);
    const [left, late] = said(relay, 'MAIL').map((line) => / BY=(-?\d+);(\w+)/.exec(line)!);
    expect(Number(left![1])).toBeGreaterThan(500);
    expect(Number(left![1])).toBeLessThanOrEqual(600);
    expect(left![2]).toBe('R');
    expect(Number(late![1])).toBeLessThanOrEqual(-5);
    expect(late![2]).toBe('N');
    await expectNoReport(relay);
  });

  it.each([
    ['does not know of it', ehlo()],
    ['wants more time than there is', ehlo('DELIVERBY 601')],
  ])('§4.1.4.1: mode R does not go to who %s: it goes back, and nothing is said of it', async (_, EHLO) => {
    const relay = await start({ EHLO });
    expect(await send(relay, 'BY=600;R')).toBe('250 2.0.0');
    expect((await reports(relay))[0]![1]).toMatchObject({ Action: 'failed', Status: '5.3.3' });
    expect(said(relay, 'MAIL')).toEqual([]);
  });

  it('§4.1.4.1: mode R goes to a store that does not know of it, as that is no relaying', async () => {
    const relay = await start({}, { protocol: 'lmtp' });
    expect(await send(relay, 'BY=600;R')).toBe('250 2.0.0');
    await expectNoReport(relay);
    expect(relay.ended).toMatchObject([{ outcome: 'delivered' }]);
  });

  it('§4.1.4.2: mode N: of what goes to who does not know of it the relaying is told, but of NEVER', async () => {
    const relay = await start({ EHLO: ehlo('DSN') });
    expect(
      await send(
        relay,
        'BY=600;N',
        '<a@peer.test>',
        '<b@peer.test> NOTIFY=FAILURE',
        '<c@peer.test> NOTIFY=NEVER',
      ),
    ).toBe('250 2.0.0');
    const [[, ...recipients]] = (await reports(relay)) as [[unknown, ...Record<string, string>[]]];
    expect(recipients).toMatchObject([
      { Action: 'relayed', 'Final-Recipient': 'rfc822; a@peer.test' },
      { Action: 'relayed', 'Final-Recipient': 'rfc822; b@peer.test' },
    ]);
    // And delays are to be told of by who knows DSN.
    expect(said(relay, 'RCPT')).toEqual([
      'RCPT TO:<a@peer.test> NOTIFY=FAILURE,DELAY',
      'RCPT TO:<b@peer.test> NOTIFY=FAILURE,DELAY',
      'RCPT TO:<c@peer.test> NOTIFY=NEVER',
    ]);
  });

  it('§4.1.4.2: mode N: after its time nothing more is told of the relaying', async () => {
    const relay = await start({ EHLO: ehlo('DSN') });
    expect(await send(relay, 'BY=-5;N')).toBe('250 2.0.0');
    await expectNoReport(relay);
    expect(said(relay, 'RCPT')).toEqual(['RCPT TO:<bob@peer.test>']);
  });

  it('§4.1.4: with a trace each relaying is told, whatever NOTIFY says but NEVER', async () => {
    const relay = await start({ EHLO: ehlo('DELIVERBY', 'DSN') });
    expect(
      await send(
        relay,
        'BY=600;RT',
        '<a@peer.test> NOTIFY=FAILURE',
        '<b@peer.test> NOTIFY=SUCCESS',
        '<c@peer.test> NOTIFY=NEVER',
      ),
    ).toBe('250 2.0.0');
    const [[, ...recipients]] = (await reports(relay)) as [[unknown, ...Record<string, string>[]]];
    expect(recipients).toMatchObject([
      { Action: 'relayed', 'Final-Recipient': 'rfc822; a@peer.test' },
      { Action: 'relayed', 'Final-Recipient': 'rfc822; b@peer.test' },
    ]);
    expect(said(relay, 'MAIL')[0]).toMatch(/ BY=\d+;RT$/);
  });
});
