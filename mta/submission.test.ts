import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderCompletion } from './submission.ts';

const SUBMISSION = {
  from: 'anna@example.test',
  arrivedAt: Date.UTC(2026, 10, 22, 14),
  messageId: 'id@mx.test',
};
const DATE = 'Date: Sun, 22 Nov 2026 14:00:00 +0000\r\n';
const ID = 'Message-ID: <id@mx.test>\r\n';
const FROM = 'From: <anna@example.test>\r\n';

function complete(text: string, size = text.length || 1, from = SUBMISSION.from): string {
  const completion = new HeaderCompletion({ ...SUBMISSION, from });
  const parts: Buffer[] = [];
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) parts.push(completion.push(bytes.subarray(at, at + size)));
  return Buffer.concat([...parts, completion.end()]).toString();
}

describe('a submitted message', () => {
  it('gets what its header has not', () => {
    expect(complete('Subject: x\r\n\r\nDate: none\r\n')).toBe(
      `${DATE}${ID}${FROM}Subject: x\r\n\r\nDate: none\r\n`,
    );
    expect(complete('\r\nbody\r\n')).toBe(`${DATE}${ID}${FROM}\r\nbody\r\n`);
  });

  it.each([
    'Date: x\r\nMessage-ID: <y>\r\nFrom: a@b.test\r\n\r\nbody\r\n',
    'DATE : x\r\nmessage-id:\r\n <y>\r\nfrom: a@b.test\r\n\r\n',
    'Date: x\r\nMessage-ID: <y>\r\nFrom: "a, b" <a@b.test> (c, d)\r\n\r\n',
    'Date: x\r\nMessage-ID: <y>\r\nFrom: a@b.test,\r\n c@d.test\r\nSender: a@b.test\r\n\r\n',
    'Subject: a header without an end\r\n',
    '',
  ])('%j stays as it is', (text) => {
    expect(complete(text)).toBe(text);
  });

  it('of several authors says who has sent it', () => {
    const text = 'Date: x\r\nMessage-ID: <y>\r\nFrom: a@b.test,\r\n "c" <c@d.test>\r\n\r\n';
    expect(complete(text)).toBe(`Sender: <anna@example.test>\r\n${text}`);
  });

  it('of nobody has no author', () => {
    expect(complete('\r\nx', 3, '')).toBe(`${DATE}${ID}\r\nx`);
  });

  it('does not depend on the pieces, and loses nothing', () => {
    const line = fc.constantFrom('Date: x', 'From: a, b', 'X: y', ' folded', '', 'Message-ID: <z>', 'ü', ':');
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), (lines, size) => {
        const text = lines.map((each) => `${each}\r\n`).join('');
        const whole = complete(text);
        expect(whole.endsWith(text)).toBe(true);
        expect(complete(text, size)).toBe(whole);
      }),
    );
  });

  // Of a length at which what grows with its square would outlast the patience of a test by far.
  it.each(['<', '"\\', '(', ',', '"'])('with many %j in its author ends', (text) => {
    const message = `From: ${text.repeat(100_000)}\r\n\r\n`;
    expect(complete(message).endsWith(message)).toBe(true);
  });

  it('with a header that drips is copied a few times, and not again with each drop', () => {
    const bytes = Buffer.from(`X: ${'x'.repeat(50_000)}\r\n\r\nbody\r\n`);
    const { concat } = Buffer;
    const { set } = Uint8Array.prototype;
    let copied = 0;
    let out = 0;
    try {
      Buffer.concat = (parts, ...more) => {
        for (const part of parts) copied += part.length;
        return concat(parts, ...more);
      };
      Uint8Array.prototype.set = function (part, ...more) {
        copied += part.length;
        set.call(this, part, ...more);
      };
      const completion = new HeaderCompletion(SUBMISSION);
      for (let at = 0; at < bytes.length; at += 1) out += completion.push(bytes.subarray(at, at + 1)).length;
      out += completion.end().length;
    } finally {
      Buffer.concat = concat;
      Uint8Array.prototype.set = set;
    }
    expect(out).toBe(bytes.length + DATE.length + ID.length + FROM.length);
    // Each octet into its place and with its place, and the few before it, in which the end may have begun.
    expect(copied).toBeLessThan(bytes.length * 10);
  });

  it('with a header beyond measure goes on as it comes', () => {
    const text = `X: ${'x'.repeat(300_000)}`;
    expect(complete(text, 50_000)).toBe(text);
  });
});
