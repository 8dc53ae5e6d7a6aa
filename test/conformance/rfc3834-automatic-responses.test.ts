/** RFC 3834: what we send of ourselves, to whom, and to whom never. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Script } from '../../mta/deliver/testing/peer.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, type RelayOptions, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const REFUSING: Script = { answers: { RCPT: '550 5.1.1 no such user' } };
const BUSY: Script = { answers: { RCPT: '450 4.2.1 busy' } };
const DSN: Script = { answers: { EHLO: '250-peer.test\r\n250 DSN' } };

const MESSAGE = 'From: <boss@other.test>\r\nReply-To: <reply@other.test>\r\nMessage-ID: <1@sender.test>\r\n';

async function send(
  relay: Relay,
  {
    from = 'anna@sender.test',
    header = '',
    rcpt = '',
  }: { from?: string; header?: string; rcpt?: string } = {},
): Promise<void> {
  const wire = await Wire.hello(relay.port);
  const statuses = await wire.dialogue(`MAIL FROM:<${from}>`, `RCPT TO:<bob@peer.test>${rcpt}`, 'DATA');
  expect(statuses.at(-1)).toBe('354');
  wire.send(`${MESSAGE}${header}\r\nx\r\n.\r\n`);
  expect((await wire.reply()).status).toBe('250 2.0.0');
}

/** The report that the sender gets, as it goes over the wire. */
async function report(options: RelayOptions, sent: Parameters<typeof send>[1] = {}) {
  const relay = await startRelay({ inbox: DSN, ...options });
  await send(relay, sent);
  await waitFor('the report', () => relay.inbox.contents.length > 0);
  const [content] = relay.inbox.contents;
  const text = content!.toString('latin1');
  const header = text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  return { relay, fields: header.split('\r\n'), commands: relay.inbox.lines };
}

const late: RelayOptions['delivery'] = { delayWarningSeconds: 0.001 };
const KINDS: [string, RelayOptions, { rcpt?: string }][] = [
  ['of a failure', { peer: REFUSING }, {}],
  ['of a delay', { peer: BUSY, delivery: late }, {}],
  ['of a success that was asked for', {}, { rcpt: ' NOTIFY=SUCCESS' }],
];

describe('RFC 3834 §3: a report of ours', () => {
  it.each(KINDS)(
    '§3.3, §4: %s has the null reverse-path, and goes to the reverse-path alone',
    async (_, options, sent) => {
      const { commands } = await report(options, sent);
      expect(commands.filter((line) => /^(MAIL|RCPT)/.test(line)).slice(0, 2)).toEqual([
        'MAIL FROM:<>',
        // RFC 3461 §6.1
        'RCPT TO:<anna@sender.test> NOTIFY=NEVER',
      ]);
    },
  );

  it.each(KINDS)('§3.1.7: %s is marked as an answer of a program', async (_, options, sent) => {
    const { fields } = await report(options, sent);
    expect(fields).toContain('Auto-Submitted: auto-replied');
  });

  it.each(KINDS)(
    '§3.1: %s names what it answers, is to the sender, and of a time',
    async (_, options, sent) => {
      const { fields } = await report(options, sent);
      expect(fields).toContain('To: <anna@sender.test>');
      expect(fields).toContain('In-Reply-To: <1@sender.test>');
      expect(fields).toContain('References: <1@sender.test>');
      for (const name of ['From', 'Date', 'Subject', 'Message-ID']) {
        expect(fields.filter((field) => field.startsWith(`${name}: `))).toHaveLength(1);
      }
    },
  );

  it('§3.1.8: says no Precedence', async () => {
    const { fields } = await report({ peer: REFUSING });
    expect(fields.filter((field) => /^(Precedence|Reply-To):/i.test(field))).toEqual([]);
  });

  it.each(['Auto-Submitted: auto-generated', 'Precedence: bulk', 'Precedence: list'])(
    '§3.2.1: of mail with %s is a DSN, and is sent as of any other',
    async (header) => {
      const { fields } = await report({ peer: REFUSING }, { header: `${header}\r\n` });
      expect(fields).toContain('Auto-Submitted: auto-replied');
    },
  );
});

describe('RFC 3834 §2: no report', () => {
  it.each<[string, RelayOptions, { rcpt?: string }]>([
    ...KINDS,
    ['of a failure that was asked for', { peer: REFUSING }, { rcpt: ' NOTIFY=FAILURE' }],
  ])('%s goes to the null reverse-path', async (_, options, sent) => {
    const relay = await startRelay(options);
    await send(relay, { ...sent, from: '' });
    await waitFor('an attempt', () => relay.attempted.length > 0);
    // What comes later is queued behind it.
    if (options.peer !== BUSY) await waitFor('the end', () => relay.ended.length === 1);
    const queued = (await relay.queued()).map(({ envelope }) => envelope.recipients[0]!.address);
    expect(queued).toEqual(options.peer === BUSY ? ['bob@peer.test'] : []);
    expect(relay.inbox.connections()).toBe(0);
  });

  it.each(KINDS)('%s is told of in turn, whatever becomes of it', async (_, options, sent) => {
    const relay = await startRelay({ ...options, inbox: REFUSING });
    await send(relay, sent);
    await waitFor('the report to have ended', () => relay.ended.find(({ from }) => from === ''));
    expect(relay.ended.filter(({ from }) => from === '')).toMatchObject([
      { to: 'anna@sender.test', outcome: 'bounced' },
    ]);
    expect(relay.inbox.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
    const queued = (await relay.queued()).map(({ envelope }) => envelope.from);
    expect(queued).toEqual(options.peer === BUSY ? ['anna@sender.test'] : []);
  });

  it('RFC 8098 §3: is made of a disposition notification, which has the null reverse-path', async () => {
    const relay = await startRelay({ peer: REFUSING });
    const header =
      'Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n';
    await send(relay, { from: '', header });
    const ended = await waitFor('it to have ended', () => relay.ended[0]);
    expect(ended).toMatchObject({ outcome: 'bounced', from: '' });
    expect(await relay.queued()).toEqual([]);
    expect(relay.inbox.connections()).toBe(0);
  });

  it('RFC 8098 §2.1: answers a request for a disposition notification: that is its reader’s', async () => {
    const relay = await startRelay();
    await send(relay, { header: 'Disposition-Notification-To: <anna@sender.test>\r\n' });
    await waitFor('it to have ended', () => relay.ended[0]);
    expect(relay.peer.contents[0]!.toString()).toContain('Disposition-Notification-To: <anna@sender.test>');
    expect(await relay.queued()).toEqual([]);
    expect(relay.inbox.connections()).toBe(0);
  });
});
