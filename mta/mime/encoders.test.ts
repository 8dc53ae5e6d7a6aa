import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Base64Encoder, type Encoder, QuotedPrintableEncoder } from './encoders.ts';

/** Octets, with what is special among them, in any pieces. */
const special = fc.constantFrom('\r\n', '\r', '\n', ' ', '\t', '=', '.', 'x'.repeat(90), 'é', '\0', 'a b');
const pieces = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)),
    fc.array(special, { maxLength: 8 }).map((each) => Buffer.from(each.join(''), 'latin1')),
  ),
  { maxLength: 6 },
);

function encode(encoder: Encoder, parts: readonly Buffer[]): string {
  return Buffer.concat([...parts.map((part) => encoder.push(part)), encoder.end()]).toString('latin1');
}

const unquote = (text: string) =>
  text
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

describe('quoted-printable', () => {
  it('decodes to the same octets, in short lines of printable characters without blanks at their ends', () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = encode(new QuotedPrintableEncoder(), parts);
        expect(unquote(text)).toBe(Buffer.concat(parts).toString('latin1'));
        for (const line of text.split('\r\n')) {
          expect(line).toMatch(/^[\t -~]{0,76}$/);
          expect(line).not.toMatch(/[ \t]$/);
        }
      }),
    );
  });

  it('does not depend on the pieces', () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const whole = encode(new QuotedPrintableEncoder(), [Buffer.concat(parts)]);
        expect(encode(new QuotedPrintableEncoder(), parts)).toBe(whole);
      }),
    );
  });
});

describe('base64', () => {
  it('decodes to the same octets, in lines of 76 characters', () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = encode(new Base64Encoder(), parts);
        expect(Buffer.from(text, 'base64').equals(Buffer.concat(parts))).toBe(true);
        const all = text.split('\r\n');
        expect(all.pop()).toBe('');
        for (const [i, line] of all.entries()) {
          expect(line).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
          expect(i === all.length - 1 ? line.length <= 76 : line.length === 76).toBe(true);
        }
      }),
    );
  });
});
