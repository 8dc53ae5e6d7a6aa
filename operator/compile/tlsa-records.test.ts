import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWith, program } from '../../test/support/debian.ts';
import { temporaryFolder } from '../../test/support/folders.ts';
import { type Issued, issuer } from '../../test/support/issuer.ts';
import { certificate } from './testing/certificate.ts';
import { tlsaRecords, tlsaValue, withoutTwins } from './tlsa-records.ts';

const authority = issuer('records');
const issue = (...names: string[]): Issued => authority.issue(names);
/** From the private key, and so without a look at the certificate. */
const digestOf = ({ key }: Issued): string =>
  createHash('sha256')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest('hex');
const lines = (names: string[], hostname: string, ...issued: Issued[]): string[] =>
  tlsaRecords(
    names,
    hostname,
    issued.map(({ crt }) => crt),
  ).map(({ name, type, value }) => `${name} ${type} ${value}`);

describe('the records of certificates', () => {
  it('have the digest that openssl has for the key', () => {
    // openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum
    expect(tlsaValue(certificate)).toBe(
      '3 1 1 079cb519c01ee93506fc7979c062c77c29788846805479dbeaaaeec491708186',
    );
  });

  it('are for the hostname, and for the names in the certificate that are no wildcards', () => {
    const one = issue('mx1.example.test', 'MX2.example.test', '*.example.test');
    expect(lines([], 'mail.example.test', one)).toEqual([
      `_25._tcp.mail.example.test TLSA 3 1 1 ${digestOf(one)}`,
      `_25._tcp.mx1.example.test TLSA 3 1 1 ${digestOf(one)}`,
      `_25._tcp.mx2.example.test TLSA 3 1 1 ${digestOf(one)}`,
    ]);
  });

  it('are for the names that are given alone, also for those of a wildcard', () => {
    const one = issue('*.example.test', 'imap.example.test');
    expect(lines(['mx.example.test'], 'mail.example.test', one)).toEqual([
      `_25._tcp.mx.example.test TLSA 3 1 1 ${digestOf(one)}`,
    ]);
  });

  it('are, of several certificates, those of the one for the name, and of the one for clients that ask for none', () => {
    const [first, wild, other] = [issue('mx.example.test'), issue('*.example.test'), issue('mx.other.test')];
    expect(lines(['mx.example.test', 'a.example.test', 'mx.other.test'], '', first, wild, other)).toEqual([
      `_25._tcp.mx.example.test TLSA 3 1 1 ${digestOf(first)}`,
      `_25._tcp.a.example.test TLSA 3 1 1 ${digestOf(wild)}`,
      `_25._tcp.a.example.test TLSA 3 1 1 ${digestOf(first)}`,
      `_25._tcp.mx.other.test TLSA 3 1 1 ${digestOf(other)}`,
      `_25._tcp.mx.other.test TLSA 3 1 1 ${digestOf(first)}`,
    ]);
  });

  it('are none of names that would be too long for DNS', () => {
    const long = `${'a.'.repeat(124)}test`;
    expect(lines([long], '', issue('mx.example.test'))).toEqual([]);
  });

  it('are in one order, each once', () => {
    const [a, b] = ['a', 'b'].map((name) => ({ name, type: 'TLSA' as const, value: '1' }));
    expect(withoutTwins([b!, { ...a!, since: '2026-11-30T00:00:00Z' }, a!, b!])).toEqual([
      { ...a, since: '2026-11-30T00:00:00Z' },
      b,
    ]);
  });
});

describeWith(['openssl'], 'with openssl', () => {
  it('the record of an RSA key is the one that openssl computes, and lists both kinds for their names', () => {
    const openssl = (args: string[], input: string | Buffer = '') =>
      execFileSync(program('openssl'), args, { input, stdio: ['pipe', 'pipe', 'ignore'] });
    const keyFile = join(temporaryFolder('rsa'), 'tls.key');
    const rsa = openssl([
      ...['req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-keyout', keyFile, '-days', '1'],
      ...['-subj', '/CN=mx.example.test', '-addext', 'subjectAltName=DNS:mx.example.test'],
    ]).toString();
    const pem = openssl(['x509', '-noout', '-pubkey'], rsa);
    const der = openssl(['pkey', '-pubin', '-outform', 'DER'], pem);
    const digest = openssl(['dgst', '-sha256', '-r'], der).toString().slice(0, 64);
    const ecdsa = issue('mx.example.test');
    expect(lines([], 'mx.example.test', ecdsa, { crt: rsa, key: '' })).toEqual([
      `_25._tcp.mx.example.test TLSA 3 1 1 ${digestOf(ecdsa)}`,
      `_25._tcp.mx.example.test TLSA 3 1 1 ${digest}`,
    ]);
  });
});
