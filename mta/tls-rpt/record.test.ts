import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRecords } from './record.ts';

const MAIL = 'mailto:reports@d.test';
const HTTPS = 'https://reports.d.test/v1/tlsrpt';
const uris = (texts: readonly string[]) => readRecords(texts)?.map(({ uri }) => uri);

describe('TXT records at _smtp._tls (RFC 8460 §3)', () => {
  it.each<[string, string[], string[] | undefined]>([
    ['by mail, as in the RFC', [`v=TLSRPTv1;rua=${MAIL}`], [MAIL]],
    ['by HTTPS, as in the RFC', [`v=TLSRPTv1; rua=${HTTPS}`], [HTTPS]],
    ['with blanks and a last semicolon', [`v=TLSRPTv1 \t; rua=${MAIL} ;`], [MAIL]],
    ['of both', [`v=TLSRPTv1; rua=${MAIL},${HTTPS}`], [MAIL, HTTPS]],
    ['of both, with blanks around the comma', [`v=TLSRPTv1; rua=${MAIL} ,\t${HTTPS};`], [MAIL, HTTPS]],
    ['of one twice', [`v=TLSRPTv1; rua=${MAIL},${MAIL}`], [MAIL]],
    ['with fields that nobody knows', [`v=TLSRPTv1; x=y; rua=${MAIL}; z.1=2=3`], [MAIL]],
    ['with what is no field', [`v=TLSRPTv1; hello; rua=${MAIL}`], undefined],
    ['with an empty field', [`v=TLSRPTv1;; rua=${MAIL}`], undefined],
    ['without rua', ['v=TLSRPTv1; x=y'], undefined],
    ['with the version alone', ['v=TLSRPTv1;'], undefined],
    ['with RUA in capitals, which is another field', [`v=TLSRPTv1; RUA=${MAIL}`], undefined],
    ['of another version', [`v=TLSRPTv2; rua=${MAIL}`], undefined],
    ['of a longer version', [`v=TLSRPTv10; rua=${MAIL}`], undefined],
    ['of the version in another case', [`v=tlsrptv1; rua=${MAIL}`], undefined],
    ['beside other records', ['hello', `v=TLSRPTv1; rua=${MAIL}`, 'v=spf1 -all'], [MAIL]],
    ['twice', [`v=TLSRPTv1; rua=${MAIL}`, `v=TLSRPTv1; rua=${MAIL}`], undefined],
    ['none', [], undefined],
    ['of schemes that nobody can send to', ['v=TLSRPTv1; rua=http://d.test/,ftp://d.test/'], []],
    ['of one that can be used among others', [`v=TLSRPTv1; rua=http://d.test/,${HTTPS}`], [HTTPS]],
    ['with a password for us to send', ['v=TLSRPTv1; rua=https://a:b@d.test/'], []],
    ['with an address that is none', ['v=TLSRPTv1; rua=mailto:reports'], []],
    ['with an address that does not decode', ['v=TLSRPTv1; rua=mailto:%e0%a4@d.test'], []],
    ['with a line break in an address', ['v=TLSRPTv1; rua=mailto:a%0d%0ab@d.test'], []],
    ['with an address that is not ASCII', ['v=TLSRPTv1; rua=mailto:%c3%bc@d.test'], []],
    ['with what is no URL', ['v=TLSRPTv1; rua=https://:x'], []],
    [
      'of more places than anybody needs',
      [`v=TLSRPTv1; rua=${Array.from({ length: 30 }, (_, i) => `mailto:${i}@d.test`).join(',')}`],
      Array.from({ length: 3 }, (_, i) => `mailto:${i}@d.test`),
    ],
  ])('%s', (_what, texts, expected) => {
    expect(uris(texts)).toEqual(expected);
  });

  it.each([
    ['mailto:reports@d.test', 'reports@d.test'],
    ['MAILTO:reports@d.test', 'reports@d.test'],
    ['mailto:a%2Bb@d.test', 'a+b@d.test'],
    ['mailto:a%2Cb%21@d.test?subject=hello', undefined],
    ['mailto:a%21@d.test?subject=hello', 'a!@d.test'],
  ])('%s is mail for %s', (uri, address) => {
    expect(readRecords([`v=TLSRPTv1; rua=${uri}`])).toEqual(
      address === undefined ? [] : [{ kind: 'mailto', uri, address }],
    );
  });

  it('whatever they are, what comes of them can be sent to', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.webUrl(),
      fc.emailAddress().map((address) => `mailto:${address}`),
    );
    const rua = fc.array(anything).map((all) => `v=TLSRPTv1;rua=${all.join(',')}`);
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            rua,
            fc.string().map((text) => `v=TLSRPTv1;${text}`),
          ),
        ),
        (texts) => {
          for (const each of readRecords(texts) ?? []) {
            if (each.kind === 'mailto') expect(each.address).toMatch(/^[\x20-\x7e]+@[^@\s]+$/);
            else expect(new URL(each.uri)).toMatchObject({ protocol: 'https:', username: '' });
          }
        },
      ),
    );
  });
});
