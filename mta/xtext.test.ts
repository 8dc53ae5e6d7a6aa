import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUnitext, decodeXtext, encodeUnitext, encodeUtf8Address } from './xtext.ts';

describe('decodeXtext', () => {
  it('undoes any encoding', () => {
    const encode = (text: string) =>
      text.replace(
        /[^\x21-\x2a\x2c-\x3c\x3e-\x7e]/g,
        (c) => `+${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      );
    const octets = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    fc.assert(
      fc.property(octets, (text) => {
        expect(decodeXtext(encode(text))).toBe(text);
      }),
    );
  });

  it('refuses what is not encoded', () => {
    for (const bad of ['a b', 'a=b', '+', '+4', '+4g', '+ab']) expect(decodeXtext(bad)).toBeUndefined();
  });
});

describe('unitext', () => {
  it('undoes the encoding of any address, and of what is encoded in part', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (address) => {
        const encoded = encodeUtf8Address(address);
        expect(encoded).toMatch(/^[!-*,-<>-~]*$/);
        expect(decodeUnitext(encoded)).toBe(address);
        expect(encodeUnitext(encoded)).toBe(encoded);
      }),
    );
    expect(encodeUnitext('b\u00f8\\x{2B}')).toBe('b\\x{F8}\\x{2B}');
    expect(decodeUnitext('b\u00f8\\x{2B}')).toBe('b\u00f8+');
  });

  it('refuses what is none', () => {
    for (const bad of ['\\', 'a\\xF8', '\\x{f8}', '\\x{8', '\\x{}', '\\x{110000}']) {
      expect(decodeUnitext(bad)).toBeUndefined();
    }
  });
});
