/** RFC 3461 §5.2: what becomes of what a client asked for, at the next hop and in reports. */
import { afterEach, describe, expect, it } from 'vitest';
import { deliveryStatusOf } from '../../mta/reports/testing/blocks.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const WITH_DSN = '250-peer.test\r\n250-PIPELINING\r\n250 DSN';
const MAIL = 'MAIL FROM:<anna@sender.test>';

/** Sends one message and waits until each of these recipients has ended. */
async function send(relay: Relay, mail: string, ...rcpts: string[]): Promise<void> {
  const wire = await Wire.hello(relay.port);
  const statuses = await wire.dialogue(mail, ...rcpts, 'DATA');
  expect(statuses.at(-1)).toBe('354');
  wire.send('Subject: hello\r\n\r\nhello\r\n.\r\n');
  expect((await wire.reply()).status).toBe('250 2.0.0');
  await waitFor('all to have ended', () => relay.ended.length >= rcpts.length);
}

const commandsOf = ({ peer }: Relay) => peer.lines.filter((line) => /^(MAIL|RCPT)/.test(line));

/** Blocks of fields of the delivery-status of a report, unfolded. */
async function statusOf({ inbox }: Relay): Promise<Record<string, string>[]> {
  await waitFor('a report', () => inbox.contents.length > 0);
  return deliveryStatusOf(inbox.contents[0]!);
}

describe('RFC 3461 §5.2.1: relaying to who knows DSN', () => {
  it('(a) to (d): every parameter goes on as it came', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: WITH_DSN } } });
    await send(
      relay,
      `${MAIL} RET=HDRS ENVID=QQ+2B314159`,
      'RCPT TO:<bob@peer.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BX@Example.COM',
      'RCPT TO:<eve@peer.test> NOTIFY=NEVER',
    );
    expect(commandsOf(relay)).toEqual([
      'MAIL FROM:<anna@sender.test> RET=HDRS ENVID=QQ+2B314159',
      'RCPT TO:<bob@peer.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BX@Example.COM',
      'RCPT TO:<eve@peer.test> NOTIFY=NEVER',
    ]);
    await relay.scheduler.drain();
    expect(relay.inbox.contents).toEqual([]);
  });

  it('(a) to (d): none is added', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: WITH_DSN } } });
    await send(relay, MAIL, 'RCPT TO:<bob@peer.test>');
    expect(commandsOf(relay)).toEqual(['MAIL FROM:<anna@sender.test>', 'RCPT TO:<bob@peer.test>']);
  });

  it('§5.2.6: a refusal is reported by us, though it knows DSN', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: WITH_DSN, RCPT: '550 5.1.1 no such user' } } });
    await send(
      relay,
      `${MAIL} ENVID=QQ+2B1`,
      'RCPT TO:<bob@peer.test> NOTIFY=FAILURE ORCPT=rfc822;Bob+2BX@peer.test',
    );
    expect(await statusOf(relay)).toMatchObject([
      { 'Original-Envelope-Id': 'QQ+1', 'Reporting-MTA': 'dns; mx.ours.test' },
      {
        'Original-Recipient': 'rfc822; Bob+X@peer.test',
        'Final-Recipient': 'rfc822; bob@peer.test',
        ...{ Action: 'failed', Status: '5.1.1', 'Remote-MTA': 'dns; peer.test' },
        'Diagnostic-Code': 'smtp; 550 5.1.1 no such user',
      },
    ]);
    expect(relay.inbox.lines).toContain('RCPT TO:<anna@sender.test>');
    expect(relay.inbox.lines.some((line) => line.startsWith('MAIL FROM:<>'))).toBe(true);
  });
});

describe('RFC 3461 §5.2.2: relaying to who does not', () => {
  it('(a), (b), (e): nothing of it is sent, and "relayed" is told to who asked for SUCCESS', async () => {
    const relay = await startRelay();
    await send(
      relay,
      `${MAIL} RET=FULL ENVID=QQ1`,
      'RCPT TO:<bob@peer.test> NOTIFY=SUCCESS ORCPT=rfc822;bob@peer.test',
      'RCPT TO:<eve@peer.test>',
      'RCPT TO:<dan@peer.test> NOTIFY=FAILURE,DELAY',
    );
    expect(commandsOf(relay)).toEqual([
      expect.stringMatching(/^MAIL FROM:<anna@sender\.test> SIZE=\d+$/),
      ...['bob', 'eve', 'dan'].map((name) => `RCPT TO:<${name}@peer.test>`),
    ]);
    const [message, ...recipients] = await statusOf(relay);
    expect(message).toMatchObject({ 'Original-Envelope-Id': 'QQ1' });
    expect(recipients).toMatchObject([
      {
        ...{ 'Final-Recipient': 'rfc822; bob@peer.test', Action: 'relayed', Status: '2.0.0' },
        'Diagnostic-Code': 'smtp; 250 2.0.0 Taken',
      },
    ]);
    expect(recipients).toHaveLength(1);
    // §4.3, §6.2: without a failure the header is returned alone.
    expect(relay.inbox.contents[0]!.toString()).toContain('text/rfc822-headers');
  });

  it('(c), (d), (f): "failed" is told of who asked for FAILURE or for nothing, and not of NEVER', async () => {
    const relay = await startRelay({ peer: { answers: { RCPT: '550 5.1.1 no such user' } } });
    await send(
      relay,
      MAIL,
      'RCPT TO:<bob@peer.test> NOTIFY=FAILURE',
      'RCPT TO:<eve@peer.test> NOTIFY=NEVER',
      'RCPT TO:<dan@peer.test>',
      'RCPT TO:<joe@peer.test> NOTIFY=SUCCESS',
    );
    expect((await statusOf(relay)).slice(1).map((each) => each['Final-Recipient'])).toEqual([
      'rfc822; bob@peer.test',
      'rfc822; dan@peer.test',
    ]);
  });

  it('§5.2: nothing is told to the null reverse-path', async () => {
    const relay = await startRelay();
    await send(relay, 'MAIL FROM:<>', 'RCPT TO:<bob@peer.test> NOTIFY=SUCCESS');
    await relay.scheduler.drain();
    expect(await relay.queued()).toEqual([]);
    expect(relay.inbox.contents).toEqual([]);
  });
});

describe('RFC 3461 §5.2.3: delivery to a mail store by LMTP', () => {
  it('(a) to (c): "delivered" is told to who asked for SUCCESS', async () => {
    const relay = await startRelay({
      protocol: 'lmtp',
      peer: { answers: { content: '250 2.0.0 Saved\r\n250 2.0.0 Saved' } },
    });
    await send(relay, MAIL, 'RCPT TO:<bob@peer.test> NOTIFY=SUCCESS,FAILURE', 'RCPT TO:<eve@peer.test>');
    expect((await statusOf(relay)).slice(1)).toMatchObject([
      { 'Final-Recipient': 'rfc822; bob@peer.test', Action: 'delivered' },
    ]);
  });
});

describe('RFC 3461 §5.2.5: what is late', () => {
  it('is told to who asked for DELAY or for nothing', async () => {
    const relay = await startRelay({
      peer: { answers: { RCPT: '450 4.2.0 later' } },
      delivery: { delayWarningSeconds: 0.2 },
    });
    const wire = await Wire.hello(relay.port);
    await wire.dialogue(
      MAIL,
      'RCPT TO:<bob@peer.test> NOTIFY=DELAY',
      'RCPT TO:<eve@peer.test> NOTIFY=SUCCESS,FAILURE',
      'RCPT TO:<dan@peer.test>',
      'DATA',
    );
    expect((await wire.command('hello\r\n.')).status).toBe('250 2.0.0');
    const recipients = (await statusOf(relay)).slice(1);
    expect(recipients.map((each) => `${each['Final-Recipient']} ${each['Action']}`)).toEqual([
      'rfc822; bob@peer.test delayed',
      'rfc822; dan@peer.test delayed',
    ]);
  });
});
