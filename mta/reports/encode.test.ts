import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { field, quotedPrintable, typedAddress } from './encode.ts';

describe('quotedPrintable', () => {
  const decode = (text: string) =>
    Buffer.from(
      text
        .replaceAll('=\r\n', '')
        .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    );

  it('decodes to what it was, in short printable lines', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        const text = quotedPrintable(Buffer.from(bytes));
        expect(text).toMatch(/^[\t\r\n -~]*$/);
        for (const line of text.split('\r\n')) {
          expect(line.length).toBeLessThanOrEqual(76);
          expect(line).not.toMatch(/[ \t]$/);
        }
        const lines = Buffer.from(bytes).toString('latin1').replaceAll('\r\n', '\n').replaceAll('\n', '\r\n');
        expect(decode(text).toString('latin1')).toBe(lines);
      }),
    );
  });
});

describe('field', () => {
  it('folds at blanks and loses none', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('', 'a', 'word', 'x'.repeat(40), 'y'.repeat(120))), (words) => {
        const folded = field('Name', words.join(' '));
        expect(folded.replaceAll('\r\n', '')).toBe(`Name: ${words.join(' ')}`);
        for (const line of folded.split('\r\n')) expect(line.trim()).not.toBe('');
      }),
    );
  });
});

describe('typedAddress', () => {
  it.each([
    ['ben@example.org', 'rfc822; ben@example.org'],
    ['j\u00f6rg@example.org', 'utf-8; j\\x{F6}rg@example.org'],
  ])('%s', (address, typed) => {
    expect(typedAddress(address)).toBe(typed);
  });
});
