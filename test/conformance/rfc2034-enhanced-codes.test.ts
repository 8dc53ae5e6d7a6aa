/** RFC 2034: an enhanced code in every reply that is to have one; RFC 3463 and RFC 5248: one that is registered. */
import { afterEach, describe, expect, it } from 'vitest';
import { REPLY_NAMES, smtpError } from '../../mta/errors.ts';
import { LIMITS, PASSWORD, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const upTo = (subject: number, last: number): string[] =>
  Array.from({ length: last + 1 }, (_, detail) => `${subject}.${detail}`);

/** Subject and detail of the codes in IANA's registry, by subject, with the RFCs that they come from. */
const REGISTERED = new Set([
  '0.0',
  // RFC 3463 §3.2; 1.9 RFC 3886, 1.10 RFC 7505
  ...upTo(1, 10),
  // RFC 3463 §3.3
  ...upTo(2, 4),
  // RFC 3463 §3.4; 3.6 RFC 6710
  ...upTo(3, 6),
  // RFC 3463 §3.5
  ...upTo(4, 7),
  // RFC 3463 §3.6; 5.6 RFC 4954
  ...upTo(5, 6),
  // RFC 3463 §3.7; 6.6 RFC 4468, 6.7 to 6.10 RFC 6531
  ...upTo(6, 10),
  // RFC 3463 §3.8; RFC 4954, RFC 5248, RFC 6710, RFC 7293; 7.20 to 7.26 RFC 7372; 7.27 RFC 7505; 7.29 RFC 8617, 7.30 RFC 8689
  ...upTo(7, 30),
]);

describe('RFC 2034 §4: enhanced codes', () => {
  it.each(REPLY_NAMES)('that we have for %s agree with the reply’s class', (name) => {
    const { code, enhanced } = smtpError(name);
    expect(enhanced[0]).toBe(String(code)[0]);
  });

  it.each(REPLY_NAMES)('RFC 5248 §2: that we have for %s are registered', (name) => {
    expect(REGISTERED).toContain(smtpError(name).enhanced.slice(2));
  });

  it('are in each line of each reply, but for the greeting, 3yz, and those to EHLO and HELO', async () => {
    const server = await serve({
      tls: { mode: 'starttls' },
      auth: { offered: true, allowWithoutTls: true },
      limits: { messageSize: 1000, recipients: 1, authFailuresPerSession: 20, errorsPerSession: 60 },
    });
    const seen = new Set<string>();
    const wire = await Wire.connect(server.port);
    await wire.reply();
    const take = async (line: string): Promise<void> => {
      wire.chunks.length = 0;
      await wire.command(line);
      const rows = wire.chunks.join('').split('\r\n').slice(0, -1);
      if (rows.every((row) => row.startsWith('3'))) return;
      for (const row of rows) {
        expect(row, line).toMatch(/^([245])\d\d[- ]\1\.\d{1,3}\.\d{1,3} \S/);
        seen.add(row.slice(0, 3));
      }
    };
    for (const line of ['MAIL FROM:<>', 'NOOP', 'HELP', 'VRFY anna', 'EXPN staff', 'NONSENSE'])
      await take(line);
    await wire.command('EHLO client.test');
    for (const line of [
      ...['RSET', 'VRFY', 'DATA', 'BDAT 0 LAST', 'STARTTLS now', 'x'.repeat(600)],
      ...['AUTH', 'AUTH NOTHING', 'AUTH PLAIN', '*', 'AUTH PLAIN', 'not base64!', 'AUTH PLAIN AGEAYg=='],
      ...['MAIL', 'MAIL FROM:<x@>', 'MAIL FROM:<> SIZE=2000', 'MAIL FROM:<> NONSENSE=1'],
      ...['MAIL FROM:<\xc3\xa4@x.test>', 'MAIL FROM:<demo@example.test>', 'MAIL FROM:<>'],
      ...['RCPT', 'RCPT TO:<x@>', 'RCPT TO:<nobody@example.test>', 'RCPT TO:<x@far.test>', 'DATA'],
      ...['RCPT TO:<anna@example.test>', 'RCPT TO:<bert@example.test>', 'DATA now', 'DATA', '.', 'RSET now'],
    ]) {
      await take(line);
    }
    await take(`AUTH PLAIN ${Buffer.from(`\0demo\0${PASSWORD}`).toString('base64')}`);
    await take('QUIT now');
    await take('QUIT');
    expect([...seen].sort()).toEqual([
      '214',
      '221',
      '235',
      '250',
      '252',
      '452',
      '500',
      '501',
      '502',
      '503',
      '504',
      '535',
      '550',
      '552',
      '554',
      '555',
    ]);
  });

  it('are in what ends a session', async () => {
    const server = await serve({ limits: { ...LIMITS, errorsPerSession: 1 } });
    const wire = await Wire.hello(server.port);
    expect(await wire.dialogue('NONSENSE', 'NOOP')).toEqual(['500 5.5.2', '421 4.7.0']);
    const bare = await Wire.hello(server.port);
    bare.send('NOOP\n');
    expect((await bare.reply()).status).toBe('521 5.5.2');
    const stopped = await Wire.hello(server.port);
    const stop = server.listener.stop(0);
    expect((await stopped.reply()).status).toBe('421 4.3.2');
    server.clock.advance(0);
    await stop;
  });
});
