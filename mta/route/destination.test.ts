import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRoutes } from './destination.ts';
import { matchesAny, normalizeDomain, patternsFor } from './patterns.ts';
import { testConfig, testDomain, testRelay } from './testing/config.ts';

const from = { from: 'anna@sender.test' };

describe('destinations', () => {
  const routes = compileRoutes(
    testConfig({
      domains: [testDomain({ aliases: ['alias.test', 'xn--mnchen-3ya.test'] })],
      relays: [
        testRelay({ name: 'mail/user', match: { recipientDomains: [], senderDomains: [], users: ['app'] } }),
        testRelay({
          name: 'mail/both',
          match: { recipientDomains: ['*.partner.test'], senderDomains: ['b.test'], users: [] },
        }),
        testRelay({
          name: 'mail/sender',
          match: { recipientDomains: [], senderDomains: ['*.b.test', 'b.test'], users: [] },
        }),
        testRelay({
          name: 'mail/exact',
          match: { recipientDomains: ['partner.test', '*.partner.test'], senderDomains: [], users: [] },
        }),
      ],
    }),
  );
  const key = (context: { from: string; user?: string }, to: string) =>
    routes.destinationFor(context, to).key;

  it('are our own domains first, under all their names, in any case', () => {
    for (const to of [
      'a@ours.test',
      'a@OURS.test',
      'a@ours.test.',
      'a@alias.test',
      'a@münchen.test',
      'a@XN--MNCHEN-3YA.test',
    ]) {
      expect(key({ from: 'x@b.test', user: 'app' }, to)).toBe('domain:ours.test');
    }
  });

  it('are the fleet’s own for postmaster without a domain', () => {
    expect(key(from, 'postmaster')).toBe('domain:ours.test');
  });

  it.each([
    [{ from: 'x@sender.test', user: 'app' }, 'a@example.org', 'relay:mail/user'],
    [{ from: 'x@b.test' }, 'a@mx.partner.test', 'relay:mail/both'],
    [{ from: 'x@b.test' }, 'a@partner.test', 'relay:mail/sender'],
    [{ from: 'x@B.test' }, 'a@example.org', 'relay:mail/sender'],
    [{ from: 'x@sub.b.test' }, 'a@example.org', 'relay:mail/sender'],
    [{ from: 'x@sender.test' }, 'a@deep.mx.partner.test', 'relay:mail/exact'],
    [{ from: 'x@sender.test' }, 'a@notpartner.test', 'mx:notpartner.test'],
    [{ from: '' }, 'a@example.org', 'mx:example.org'],
    [{ from: 'x@sender.test', user: 'other' }, 'a@Example.ORG', 'mx:example.org'],
    [from, 'a@münchen.example', 'mx:xn--mnchen-3ya.example'],
    [from, '"a@b"@example.org', 'mx:example.org'],
    [from, 'a@[192.0.2.1]', 'literal:[192.0.2.1]'],
    [from, 'a@[IPv6:2001:DB8::1]', 'literal:[ipv6:2001:db8::1]'],
  ])('%j to %s go by %s', (context, to, expected) => {
    expect(key(context, to)).toBe(expected);
  });

  it('are one object, with one key, for all that share them', () => {
    expect(routes.destinationFor(from, 'a@example.org')).toBe(
      routes.destinationFor({ from: '' }, 'b@EXAMPLE.org'),
    );
    expect(routes.destination('mx:example.org')).toBe(routes.destinationFor(from, 'a@example.org'));
    expect(routes.destination('relay:mail/user')).toBe(
      routes.destinationFor({ from: '', user: 'app' }, 'a@b'),
    );
  });

  it('are unknown where config no longer has them', () => {
    expect(routes.destination('relay:mail/gone')).toBeUndefined();
    expect(routes.destination('domain:gone.test')).toBeUndefined();
    expect(routes.destination('nonsense')).toBeUndefined();
    expect(routes.destination('literal:[192.0.2.1]')).toMatchObject({
      kind: 'literal',
      address: '[192.0.2.1]',
    });
  });

  it('a relay for everything takes address literals too', () => {
    const all = compileRoutes(testConfig({ relays: [testRelay()] }));
    expect(all.destinationFor(from, 'a@[192.0.2.1]').key).toBe('relay:mail/out');
  });
});

describe('patterns', () => {
  it('come from the most specific to *', () => {
    expect([...patternsFor('a.b.test')]).toEqual(['a.b.test', '*.b.test', '*.test', '*']);
    expect([...patternsFor('[192.0.2.1]')]).toEqual(['[192.0.2.1]', '*']);
  });

  it('a wildcard matches every name below and not the name itself', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,10}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), (labels) => {
        const set = new Set(['*.example.org']);
        expect(matchesAny(set, `${labels.join('.')}.example.org`)).toBe(true);
        expect(matchesAny(set, `${labels.join('')}example.org`)).toBe(false);
      }),
    );
    expect(matchesAny(new Set(['*.example.org']), 'example.org')).toBe(false);
  });

  it('normalising twice changes nothing', () => {
    fc.assert(
      fc.property(fc.domain(), (domain) => {
        expect(normalizeDomain(normalizeDomain(domain))).toBe(normalizeDomain(domain));
      }),
    );
    expect(normalizeDomain('1.2.3')).toBe('1.2.3');
  });
});
