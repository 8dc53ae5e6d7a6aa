import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issuer } from '../../test/support/issuer.ts';
import { dnsNames } from './client-certificate.ts';

const authority = issuer('clients');

describe('dnsNames', () => {
  it.each([[['gw.test']], [['b.test', 'a.test']], [[]]])(
    'has the names of a certificate in their order: %j',
    (names) => {
      expect(dnsNames(new X509Certificate(authority.issue(names).crt))).toEqual(names);
    },
  );

  it('has them in lower case, and none that is an address, a wildcard, or no host name', () => {
    const names = ['GW.Test', '192.0.2.1', '*.wild.test', '.dot.test', 'a b.test', ''];
    expect(dnsNames(new X509Certificate(authority.issue(names).crt))).toEqual(['gw.test']);
  });

  it.each([
    ['x, DNS:evil.test'],
    ['x", DNS:evil.test'],
    ['x\\", DNS:evil.test, DNS:"'],
    ['x\0, DNS:evil.test'],
    ["x', DNS:evil.test"],
  ])('takes no name out of another: %j', (name) => {
    expect(dnsNames(new X509Certificate(authority.issue([name, 'gw.test']).crt))).toEqual(['gw.test']);
  });

  it('believes no text that OpenSSL does not', () => {
    const certificate = { subjectAltName: 'URI:x, DNS:evil.test', checkHost: () => undefined };
    expect(dnsNames(certificate)).toEqual([]);
  });
});
