import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SmtpError } from '../errors.ts';
import { decodeXtext, parseMailParameters, refuseRcptParameters } from './parameters.ts';

function refusalOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof SmtpError) return `${error.code} ${error.enhanced}`;
    throw error;
  }
}

describe('parseMailParameters', () => {
  it('reads SIZE, BODY and AUTH without regard to case', () => {
    expect(parseMailParameters('size=12 body=8bitmime Auth=a+2Bb@example.test', true)).toEqual({
      declaredSize: 12,
      bodyType: '8BITMIME',
      auth: 'a+b@example.test',
    });
    expect(parseMailParameters('AUTH=<>', true)).toEqual({ auth: '<>' });
  });

  it.each([
    ['SMTPUTF8', '555 5.5.4'],
    ['RET=FULL', '555 5.5.4'],
    ['X-UNKNOWN=1', '555 5.5.4'],
    ['SIZE', '501 5.5.4'],
    ['SIZE=', '501 5.5.4'],
    ['SIZE=-1', '501 5.5.4'],
    ['SIZE=1 SIZE=1', '501 5.5.4'],
    ['SIZE=123456789012345678901', '501 5.5.4'],
    ['BODY=BINARYMIME', '501 5.5.4'],
    ['BODY=7BIT body=7BIT', '501 5.5.4'],
    ['AUTH=not-a-mailbox', '501 5.5.4'],
    ['AUTH=a+2b@example.test', '501 5.5.4'],
    ['=x', '501 5.5.4'],
    ['-x', '501 5.5.4'],
    ['SIZE=1\tBODY=7BIT', '501 5.5.4'],
  ])('%s: %s', (text, refused) => {
    expect(refusalOf(() => parseMailParameters(text, true))).toBe(refused);
  });

  it('does not know AUTH where AUTH is not offered', () => {
    expect(refusalOf(() => parseMailParameters('AUTH=<>', false))).toBe('555 5.5.4');
  });

  it('fails in no other way for any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(refusalOf(() => parseMailParameters(text, true)) ?? '501').toMatch(/^(501|555)/);
      }),
    );
  });
});

describe('refuseRcptParameters', () => {
  it('takes none', () => {
    expect(refusalOf(() => refuseRcptParameters(''))).toBeUndefined();
    expect(refusalOf(() => refuseRcptParameters('NOTIFY=NEVER'))).toBe('555 5.5.4');
    expect(refusalOf(() => refuseRcptParameters('a=b=c'))).toBe('501 5.5.4');
  });
});

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
