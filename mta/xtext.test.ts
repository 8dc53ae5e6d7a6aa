import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeXtext } from './xtext.ts';

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
