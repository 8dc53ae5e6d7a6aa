import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SmtpError } from '../errors.ts';
import { parseMailParameters, parseRcptParameters } from './parameters.ts';

function refusalOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof SmtpError) return `${error.code} ${error.enhanced}`;
    throw error;
  }
}

const OFFERED = { auth: true, requireTls: true, now: 1_800_000_000_000 };

describe('parseMailParameters', () => {
  it('reads SIZE, BODY and AUTH without regard to case', () => {
    expect(parseMailParameters('size=12 body=8bitmime Auth=a+2Bb@example.test', OFFERED)).toEqual({
      declaredSize: 12,
      bodyType: '8BITMIME',
      auth: 'a+b@example.test',
    });
    expect(parseMailParameters('AUTH=<>', OFFERED)).toEqual({ auth: '<>' });
    expect(parseMailParameters('smtputf8', { ...OFFERED, auth: false })).toEqual({ smtputf8: true });
    expect(parseMailParameters('ret=hdrs Envid=QQ+2B1', OFFERED)).toEqual({ ret: 'HDRS', envid: 'QQ+2B1' });
  });

  it.each([
    ['SMTPUTF8=1', '501 5.5.4'],
    ['REQUIRETLS=1', '501 5.5.4'],
    ['REQUIRETLS REQUIRETLS', '501 5.5.4'],
    ['X-UNKNOWN=1', '555 5.5.4'],
    ['SIZE', '501 5.5.4'],
    ['SIZE=', '501 5.5.4'],
    ['SIZE=-1', '501 5.5.4'],
    ['SIZE=1 SIZE=1', '501 5.5.4'],
    ['SIZE=123456789012345678901', '501 5.5.4'],
    ['BODY=16BIT', '501 5.5.4'],
    ['BODY=7BIT body=7BIT', '501 5.5.4'],
    ['AUTH=not-a-mailbox', '501 5.5.4'],
    ['AUTH=a+2b@example.test', '501 5.5.4'],
    ['RET', '501 5.5.4'],
    ['RET=ALL', '501 5.5.4'],
    ['RET=FULL RET=FULL', '501 5.5.4'],
    ['ENVID', '501 5.5.4'],
    ['ENVID=', '501 5.5.4'],
    ['ENVID=a+b', '501 5.5.4'],
    ['ENVID=a+0A', '501 5.5.4'],
    [`ENVID=${'x'.repeat(101)}`, '501 5.5.4'],
    ['=x', '501 5.5.4'],
    ['-x', '501 5.5.4'],
    ['SIZE=1\tBODY=7BIT', '501 5.5.4'],
  ])('%s: %s', (text, refused) => {
    expect(refusalOf(() => parseMailParameters(text, OFFERED))).toBe(refused);
  });

  it('does not know AUTH where AUTH is not offered', () => {
    expect(refusalOf(() => parseMailParameters('AUTH=<>', { ...OFFERED, auth: false }))).toBe('555 5.5.4');
  });

  it('does not know REQUIRETLS where that is not offered', () => {
    expect(parseMailParameters('requiretls', OFFERED)).toEqual({ requireTls: true });
    expect(refusalOf(() => parseMailParameters('REQUIRETLS', { ...OFFERED, requireTls: false }))).toBe(
      '555 5.5.4',
    );
  });

  it('fails in no other way for any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(refusalOf(() => parseMailParameters(text, OFFERED)) ?? '501').toMatch(/^(501|555)/);
      }),
    );
  });
});

describe('parseRcptParameters', () => {
  it('reads NOTIFY and ORCPT', () => {
    expect(parseRcptParameters('', false)).toEqual({});
    expect(parseRcptParameters('notify=success,Delay orcpt=rfc822;Anna+2BX@example.test', false)).toEqual({
      notify: ['SUCCESS', 'DELAY'],
      orcpt: 'rfc822;Anna+2BX@example.test',
    });
    expect(parseRcptParameters('NOTIFY=never', false)).toEqual({ notify: ['NEVER'] });
  });

  it.each([
    ['SIZE=1', '555 5.5.4'],
    ['X-UNKNOWN', '555 5.5.4'],
    ['a=b=c', '501 5.5.4'],
    ['NOTIFY', '501 5.5.4'],
    ['NOTIFY=', '501 5.5.4'],
    ['NOTIFY=NEVER,SUCCESS', '501 5.5.4'],
    ['NOTIFY=SUCCESS,', '501 5.5.4'],
    ['NOTIFY=SOMETIMES', '501 5.5.4'],
    ['NOTIFY=NEVER NOTIFY=NEVER', '501 5.5.4'],
    ['ORCPT', '501 5.5.4'],
    ['ORCPT=anna@example.test', '501 5.5.4'],
    ['ORCPT=rfc822;', '501 5.5.4'],
    ['ORCPT=;anna@example.test', '501 5.5.4'],
    ['ORCPT=rfc822;a+2b@example.test', '501 5.5.4'],
    ['ORCPT=rfc822;a+0Db@example.test', '501 5.5.4'],
    ['ORCPT=rfc822;a+C3b@example.test', '501 5.5.4'],
    [`ORCPT=rfc822;${'x'.repeat(494)}`, '501 5.5.4'],
    ['ORCPT=rfc822;a ORCPT=rfc822;b', '501 5.5.4'],
  ])('%s: %s', (text, refused) => {
    expect(refusalOf(() => parseRcptParameters(text, false))).toBe(refused);
  });

  it('takes an original recipient in UTF-8 in a transaction of SMTPUTF8 alone (RFC 6533 §3)', () => {
    const text = Buffer.from('ORCPT=utf-8;jörg@example.test').toString('latin1');
    expect(parseRcptParameters(text, true)).toEqual({ orcpt: 'utf-8;jörg@example.test' });
    expect(refusalOf(() => parseRcptParameters(text, false))).toBe('501 5.5.4');
    expect(refusalOf(() => parseRcptParameters('ORCPT=utf-8;j\xf6rg@example.test', true))).toBe('501 5.5.4');
    const escaped = 'utf-8;j\\x{F6}rg@example.test';
    expect(parseRcptParameters(`ORCPT=${escaped}`, false)).toEqual({ orcpt: escaped });
  });

  it('takes UTF-8 in the xtext of type rfc822 for an address of type utf-8, as Postfix sends it', () => {
    const text = 'ORCPT=rfc822;j+C3+B6rg+2Bx@example.test';
    const orcpt = 'utf-8;j\\x{F6}rg\\x{2B}x@example.test';
    expect(parseRcptParameters(text, true)).toEqual({ orcpt });
    expect(refusalOf(() => parseRcptParameters(text, false))).toBe('501 5.5.4');
    for (const bad of ['rfc822;j+F6rg@example.test', 'rfc822;+C3+B6+0D', 'x400;j+C3+B6rg']) {
      expect(
        refusalOf(() => parseRcptParameters(`ORCPT=${bad}`, true)),
        bad,
      ).toBe('501 5.5.4');
    }
  });

  it('takes all that fits, as long as it may be', () => {
    const orcpt = `rfc822;${'x'.repeat(493)}`;
    expect(parseRcptParameters(`ORCPT=${orcpt} NOTIFY=SUCCESS,FAILURE,DELAY`, false)).toMatchObject({
      orcpt,
    });
  });

  it('fails in no other way for any text', () => {
    const words = fc.constantFrom('NOTIFY=', 'ORCPT=', 'rfc822;', 'NEVER', ',', 'SUCCESS', ' ', '+4', 'x');
    const text = fc.oneof(
      fc.string(),
      fc.array(words).map((each) => each.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        expect(refusalOf(() => parseRcptParameters(given, true)) ?? '501').toMatch(/^(501|555)/);
      }),
    );
  });
});
