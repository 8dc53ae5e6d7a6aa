import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRecords } from './record.ts';

describe('TXT records at _mta-sts (RFC 8461 §3.1)', () => {
  it.each<[string, string[], string | undefined]>([
    ['as in the RFC', ['v=STSv1; id=20160831085700Z;'], '20160831085700Z'],
    ['without a last semicolon', ['v=STSv1; id=1'], '1'],
    ['with blanks and tabs around semicolons', ['v=STSv1 \t;\t id=a1 ; '], 'a1'],
    ['with other fields', ['v=STSv1; x-1=y; id=a; z=1:2'], 'a'],
    ['with an id of 32 characters', [`v=STSv1; id=${'a'.repeat(32)};`], 'a'.repeat(32)],
    ['with an id of 33', [`v=STSv1; id=${'a'.repeat(33)};`], undefined],
    ['with an empty id', ['v=STSv1; id=;'], undefined],
    ['with an id that has other characters', ['v=STSv1; id=a-b;'], undefined],
    ['without an id', ['v=STSv1; x=y;'], undefined],
    ['with the version alone', ['v=STSv1;'], undefined],
    ['of two ids, the first', ['v=STSv1; id=a; id=b;'], 'a'],
    ['of two ids, the first, which is none', ['v=STSv1; id=; id=b;'], undefined],
    ['with an empty field', ['v=STSv1;; id=a;'], undefined],
    ['with what is no field', ['v=STSv1; hello; id=a'], undefined],
    ['with another case', ['V=stsv1; id=a;'], undefined],
    ['with ID in capitals, which is another field', ['v=STSv1; ID=a;'], undefined],
    ['with a blank before the version', [' v=STSv1; id=a;'], undefined],
    ['with the version later', ['id=a; v=STSv1;'], undefined],
    ['of another version', ['v=STSv2; id=a;'], undefined],
    ['of a longer version', ['v=STSv10; id=a;'], undefined],
    ['beside other records', ['hello', 'v=spf1 -all', 'v=STSv1; id=a;', 'v=STSv2; id=b;'], 'a'],
    ['twice', ['v=STSv1; id=a;', 'v=STSv1; id=a;'], undefined],
    ['once well and once malformed', ['v=STSv1; id=a;', 'v=STSv1; id='], undefined],
    ['with what is not ASCII', ['v=STSv1; x=ü; id=a;'], undefined],
    ['none', [], undefined],
  ])('%s', (_what, texts, id) => {
    expect(readRecords(texts)).toBe(id);
  });

  it('whatever they are, an id is 1 to 32 letters and digits, or there is none', () => {
    fc.assert(
      fc.property(fc.array(fc.string().map((text) => `v=STSv1;${text}`)), (texts) => {
        expect(readRecords(texts) ?? 'a').toMatch(/^[A-Za-z0-9]{1,32}$/);
      }),
    );
  });
});
