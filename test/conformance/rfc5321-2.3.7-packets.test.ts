/** A session is a stream of octets (RFC 5321 §2.3.7): where it is cut into packets changes nothing. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterAll(stopAll);

const SESSION = [
  'EHLO client.test',
  'MAIL FROM:<x@elsewhere.test> SIZE=10 BODY=8BITMIME',
  'RCPT TO:<"a b"@example.test>',
  'RCPT TO:<nobody@example.test>',
  'DATA',
  '..stuffed',
  '',
  '.x',
  '...',
  '.',
  'NOPE',
  'AUTH LOGIN',
  '*',
  `NOOP ${'x'.repeat(600)}`,
  'MAIL FROM:<>',
  'RCPT TO:<anna@example.test>',
  'DATA',
  '.',
  'QUIT',
].join('\r\n');

const STATUSES = [
  '250',
  '250 2.1.0',
  '250 2.1.5',
  '550 5.1.1',
  '354',
  '250 2.0.0',
  '500 5.5.2',
  '334',
  '501 5.7.0',
  '500 5.5.2',
  '250 2.1.0',
  '250 2.1.5',
  '354',
  '250 2.0.0',
  '221 2.0.0',
];

describe('RFC 5321 §2.3.7: octets, not packets', () => {
  it('the same session has the same replies and messages, whatever it is cut into', async () => {
    const server = await serve({ auth: { offered: true, allowWithoutTls: true } });
    const bytes = Buffer.from(`${SESSION}\r\n`);
    const cuts = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        server.accepted.length = 0;
        const wire = await Wire.connect(server.port);
        await wire.reply();
        let from = 0;
        for (const place of [...places.sort((a, b) => a - b), bytes.length]) {
          await wire.sendAll(bytes.subarray(from, place));
          await new Promise((resolve) => setImmediate(resolve));
          from = place;
        }
        expect(await wire.replies(STATUSES.length)).toEqual(STATUSES);
        expect(await wire.closed()).toBe('');
        expect(server.accepted.map(({ content }) => content)).toEqual(['.stuffed\r\n\r\nx\r\n..\r\n', '']);
      }),
      { numRuns: 60 },
    );
  });
});
