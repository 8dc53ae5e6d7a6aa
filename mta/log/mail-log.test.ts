import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../envelope.ts';
import { smtpError } from '../errors.ts';
import type { LogDestination } from './destination.ts';
import { createMailLog } from './mail-log.ts';
import { redactor } from './redact.ts';
import type { AttemptEvent, HistoryRecord, MailLog } from './types.ts';

const now = Date.parse('2026-11-22T14:00:00.123Z');
const clock = { now: () => now, monotonic: () => now, after: () => () => {}, soon: setImmediate };

const envelope: Envelope = {
  from: 'anna@example.test',
  recipients: [{ address: 'ben@example.org' }],
  arrivedAt: now,
  origin: {
    listener: 'submission',
    clientAddress: '192.0.2.7',
    helo: 'laptop',
    protocol: 'ESMTPSA',
    user: 'anna@example.test',
    tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
    certificate: 'laptop.example.test',
  },
  priority: 3,
};

const attempt: AttemptEvent = {
  id: 'a1b2-7',
  from: 'anna@example.test',
  to: 'ben@example.org',
  destination: 'mx:example.org',
  nextHop: 'mx.example.org[192.0.2.1]:25',
  reply: { code: 250, enhanced: '2.0.0', text: 'Ok', remote: 'mx.example.org' },
  delay: 412,
  attempts: 2,
  tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
};

function log(key?: Buffer) {
  const lines: Record<string, unknown>[] = [];
  const raw: string[] = [];
  const history: HistoryRecord[] = [];
  const destination: LogDestination = {
    write: (line) => {
      raw.push(line);
      lines.push(JSON.parse(line));
    },
    dropped: 0,
    flush: async () => {},
  };
  const mailLog = createMailLog({
    destination,
    clock,
    redact: redactor(key),
    history: { append: (record) => void history.push(record), flush: async () => {}, close: async () => {} },
  });
  return { mailLog, lines, raw, history };
}

/** One event of each kind, with every field that it can have. */
function everything(mailLog: MailLog): void {
  const urgent = { ...envelope, priority: 3 };
  mailLog.accepted({ id: 'a1b2-7', envelope: urgent, size: 1200, messageId: '<m1@example.test>' });
  mailLog.refused({
    command: 'RCPT',
    error: smtpError('noSuchUser', { detail: 'ben@example.org' }),
    listener: 'smtp',
    clientAddress: '192.0.2.7',
    from: 'anna@example.test',
    to: 'ben@example.org',
    user: 'anna',
    certificate: 'laptop.example.test',
  });
  mailLog.taken({
    id: 'c3d4-1',
    member: 'mta-1',
    envelope: { ...envelope, firstId: 'a1b2-7' },
    jobs: [{ destination: 'mx:example.org', recipients: [0], attempts: 2, dueAt: now }],
    size: 1200,
  });
  mailLog.attempted({ ...attempt, firstId: 'z9-1', user: 'anna', nextAttemptAt: now + 60_000 });
  mailLog.ended({ ...attempt, user: 'anna', outcome: 'delivered' });
  const move = { outcome: 'moved', member: 'mta-2', movedAs: 'e5f6-3' } as const;
  mailLog.ended({ ...attempt, firstId: 'z9-1', user: 'anna', ...move });
}

/** What a peer tells of where mail came from (XFORWARD). */
function passedOn(mailLog: MailLog): void {
  const forwarded = {
    ...{ name: 'n.test', address: '198.51.100.7', port: 25, helo: 'h', protocol: 'SMTP' },
    id: 'X1',
    source: 'LOCAL',
  } as const;
  const origin = { ...envelope.origin, forwarded };
  mailLog.accepted({ id: 'a1b2-8', envelope: { ...envelope, origin }, size: 1 });
  mailLog.accepted({
    ...{ id: 'a1b2-9', size: 1 },
    envelope: { ...envelope, origin: { ...origin, forwarded: { id: 'X2' } } },
  });
  const error = smtpError('relayDenied');
  const clientAddress = '198.51.100.7';
  mailLog.refused({ command: 'RCPT', error, listener: 'smtp', clientAddress, via: '192.0.2.7' });
}

describe('createMailLog', () => {
  it('writes a line per event: a constant message, everything else a field', () => {
    const { mailLog, lines } = log();
    everything(mailLog);
    const same = { level: 'info', time: '2026-11-22T14:00:00.123Z' };
    const tried = {
      ...same,
      id: 'a1b2-7',
      from: 'anna@example.test',
      to: 'ben@example.org',
      destination: 'mx:example.org',
      nextHop: 'mx.example.org[192.0.2.1]:25',
      reply: '250 2.0.0 Ok',
      remote: 'mx.example.org',
      delayMs: 412,
      attempts: 2,
      tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
      user: 'anna',
    };
    expect(lines).toEqual([
      {
        ...same,
        msg: 'accepted',
        id: 'a1b2-7',
        from: 'anna@example.test',
        to: ['ben@example.org'],
        recipients: 1,
        size: 1200,
        priority: 3,
        messageId: '<m1@example.test>',
        listener: 'submission',
        client: '192.0.2.7',
        helo: 'laptop',
        protocol: 'ESMTPSA',
        tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
        certificate: 'laptop.example.test',
        user: 'anna@example.test',
      },
      {
        ...same,
        msg: 'refused',
        command: 'RCPT',
        reply: '550 5.1.1 No such mailbox here: ben@example.org',
        blame: 'client',
        listener: 'smtp',
        client: '192.0.2.7',
        from: 'anna@example.test',
        to: 'ben@example.org',
        certificate: 'laptop.example.test',
        user: 'anna',
      },
      {
        ...same,
        msg: 'taken',
        id: 'c3d4-1',
        firstId: 'a1b2-7',
        from: 'anna@example.test',
        to: ['ben@example.org'],
        recipients: 1,
        size: 1200,
        member: 'mta-1',
      },
      { ...tried, firstId: 'z9-1', msg: 'attempted', nextAttemptAt: '2026-11-22T14:01:00.123Z' },
      { ...tried, msg: 'ended', outcome: 'delivered' },
      { ...tried, firstId: 'z9-1', msg: 'ended', outcome: 'moved', member: 'mta-2', movedAs: 'e5f6-3' },
    ]);
  });

  it('keeps what has ended, and what has come from another pod, in the history', () => {
    const { mailLog, history } = log();
    everything(mailLog);
    const same = {
      time: '2026-11-22T14:00:00.123Z',
      from: 'anna@example.test',
      to: 'ben@example.org',
      attempts: 2,
    };
    const ended = {
      ...same,
      id: 'a1b2-7',
      nextHop: 'mx.example.org[192.0.2.1]:25',
      reply: '250 2.0.0 Ok',
      delayMs: 412,
    };
    expect(history).toEqual([
      {
        ...same,
        id: 'c3d4-1',
        outcome: 'taken',
        reply: '250 2.0.0 Taken from mta-1',
        delayMs: 0,
        member: 'mta-1',
        firstId: 'a1b2-7',
      },
      { ...ended, outcome: 'delivered' },
      { ...ended, outcome: 'moved', member: 'mta-2', movedAs: 'e5f6-3', firstId: 'z9-1' },
    ]);
  });

  it('holds no local part where addresses are redacted', () => {
    const { mailLog, raw, history } = log(Buffer.from('key'));
    everything(mailLog);
    mailLog.ended({
      ...attempt,
      outcome: 'bounced',
      reply: { code: 550, enhanced: '5.1.1', text: 'no ben@example.org here' },
    });
    expect(raw.join('') + JSON.stringify(history)).not.toMatch(/anna|ben@/);
    expect(raw.join('')).toMatch(/~[\w-]{16}@example\.org/);
  });

  it('is one short line however many recipients there are, and whatever is said', () => {
    const { mailLog, raw, lines } = log();
    const recipients = Array.from({ length: 1000 }, (_, i) => ({ address: `recipient-${i}@example.org` }));
    mailLog.accepted({ id: 'a1b2-7', envelope: { ...envelope, recipients }, size: 1 });
    mailLog.attempted({ ...attempt, reply: { code: 550, enhanced: '', text: `x\n${'y'.repeat(9000)}` } });
    for (const line of raw) {
      expect(line.length).toBeLessThan(4096);
      expect(line.indexOf('\n')).toBe(line.length - 1);
    }
    expect(lines[0]).toMatchObject({ recipients: 1000 });
  });

  it('tells of where mail came from as the peer has told it, and nothing of the peer in its place', () => {
    const { mailLog, lines } = log();
    passedOn(mailLog);
    expect(lines[0]).toMatchObject({
      ...{ client: '198.51.100.7', clientName: 'n.test', clientPort: 25, helo: 'h', protocol: 'SMTP' },
      ...{ via: '192.0.2.7', viaId: 'X1', source: 'LOCAL' },
    });
    expect(lines[1]).toMatchObject({ via: '192.0.2.7', viaId: 'X2' });
    for (const field of ['client', 'helo', 'protocol']) expect(lines[1]).not.toHaveProperty(field);
    expect(lines[2]).toMatchObject({ msg: 'refused', client: '198.51.100.7', via: '192.0.2.7' });
  });

  it('has exactly the fields of docs/mail-log.md', () => {
    const docs = readFileSync(new URL('../../docs/mail-log.md', import.meta.url), 'utf8');
    const documented = [...docs.matchAll(/^\| `(\w+)` \|([^|]*)\|/gm)].flatMap((row) =>
      [...(row[2] ?? '').matchAll(/accepted|refused|taken|attempted|ended/g)].map(
        (event) => `${event[0]}.${row[1]}`,
      ),
    );
    const { mailLog, lines } = log();
    everything(mailLog);
    passedOn(mailLog);
    const written = lines.flatMap((line) => Object.keys(line).map((field) => `${line['msg']}.${field}`));
    expect(documented.sort()).toEqual([...new Set(written)].sort());
  });
});
