import { describe, expect, it } from 'vitest';
import type { MtaConfig } from '../config.ts';
import type { TlsaRecord } from './dns-answer.ts';
import { resolveHops } from './hops.ts';
import { testConfig, testDomain, testPolicy, testRelay } from './testing/config.ts';
import { context, literalOf, mxOf, noShuffle, type Zone } from './testing/zone.ts';
import type { Dane, OutwardDestination } from './types.ts';

const record: TlsaRecord = { usage: 3, selector: 1, matchingType: 1, data: 'ab' };
const tlsa = { tlsa: [record], secure: true };
const to = (exchange: string) => ({ mx: [{ preference: 10, exchange }], secure: true });
const host = { a: ['203.0.113.1'], secure: true };

const trusted = { resolver: { ...testConfig().resolver, validates: true } };
const dane = (change: Partial<MtaConfig> = trusted): Partial<MtaConfig> => ({
  ...change,
  tlsPolicies: [testPolicy({ name: 'default', mode: 'dane' })],
});

async function found(
  destination: OutwardDestination,
  zone: Zone,
  change = dane(),
  hosts = '',
): Promise<Dane | undefined> {
  return (await resolveHops(destination, context(zone, change, noShuffle, hosts)))[0]!.dane;
}

const at = (baseDomain: string, ...references: string[]) => ({
  isNamedSecurely: true,
  tlsa: { status: 'found', baseDomain, records: [record], references: [baseDomain, ...references] },
});
const none = (why: string, isNamedSecurely = true) => ({ isNamedSecurely, tlsa: { status: 'none', why } });
const failed = (why: string) => ({ isNamedSecurely: true, tlsa: { status: 'failed', why } });

describe('of an MX host (RFC 7672 §2.2.1, §2.2.2)', () => {
  const mx = to('mx.test');
  it.each<[string, Zone, object]>([
    ['signed TLSA records', { 'mx.test': host, '_25._tcp.mx.test': tlsa }, at('mx.test', 'd.test')],
    ['no TLSA records', { 'mx.test': host }, none('mx.test has no TLSA records that are signed')],
    [
      'TLSA records that are not signed',
      { 'mx.test': host, '_25._tcp.mx.test': { tlsa: [record] } },
      none('mx.test has no TLSA records that are signed'),
    ],
    [
      'TLSA records that nobody knows',
      { 'mx.test': host, '_25._tcp.mx.test': { failed: ['TLSA'] } },
      failed('TLSA of _25._tcp.mx.test: SERVFAIL'),
    ],
    [
      'addresses that are not signed: TLSA records are not asked for',
      { 'mx.test': { a: ['203.0.113.1'] }, '_25._tcp.mx.test': { failed: ['TLSA'] } },
      none('the addresses of mx.test are not signed'),
    ],
    [
      'an alias, signed to its end',
      {
        'mx.test': { cname: 'real.test', secure: true },
        'real.test': host,
        '_25._tcp.real.test': tlsa,
        '_25._tcp.mx.test': tlsa,
      },
      at('real.test', 'd.test'),
    ],
    [
      'an alias, signed to its end, with records at its beginning',
      { 'mx.test': { cname: 'real.test', secure: true }, 'real.test': host, '_25._tcp.mx.test': tlsa },
      at('mx.test', 'd.test'),
    ],
    [
      'an alias, signed to its end, where nobody knows of its end',
      {
        'mx.test': { cname: 'real.test', secure: true },
        'real.test': host,
        '_25._tcp.real.test': { failed: ['TLSA'] },
        '_25._tcp.mx.test': tlsa,
      },
      failed('TLSA of _25._tcp.real.test: SERVFAIL'),
    ],
    [
      'a signed alias of what is not',
      {
        'mx.test': { cname: 'real.test', secure: true },
        'real.test': { a: ['203.0.113.1'] },
        '_25._tcp.mx.test': tlsa,
        '_25._tcp.real.test': tlsa,
      },
      at('mx.test', 'd.test'),
    ],
    [
      'a signed alias with the middle not signed',
      {
        'mx.test': { cname: 'middle.test', secure: true },
        'middle.test': { cname: 'real.test' },
        'real.test': host,
        '_25._tcp.mx.test': tlsa,
        '_25._tcp.middle.test': tlsa,
        '_25._tcp.real.test': tlsa,
      },
      at('mx.test', 'd.test'),
    ],
    [
      'an alias that is not signed',
      {
        'mx.test': { cname: 'real.test' },
        'real.test': host,
        '_25._tcp.mx.test': tlsa,
        '_25._tcp.real.test': tlsa,
      },
      none('the addresses of mx.test are not signed'),
    ],
    [
      'an alias of which nobody knows whether it is signed',
      { 'mx.test': { cname: 'real.test', failed: ['CNAME'] }, 'real.test': host },
      failed('CNAME of mx.test: SERVFAIL'),
    ],
    [
      'TLSA records by an alias: the base domain stays',
      { 'mx.test': host, '_25._tcp.mx.test': { cname: 'keys.test', secure: true }, 'keys.test': tlsa },
      at('mx.test', 'd.test'),
    ],
    [
      'TLSA records by an alias that is not signed',
      { 'mx.test': host, '_25._tcp.mx.test': { cname: 'keys.test' }, 'keys.test': tlsa },
      none('mx.test has no TLSA records that are signed'),
    ],
  ])('%s', async (_what, zone, expected) => {
    const all = { 'd.test': mx, ...zone };
    expect(await found(mxOf('d.test'), all)).toEqual(expected);
    // RFC 7672 §2.2: with any other policy but these two, nobody asks.
    expect(await found(mxOf('d.test'), all, trusted)).toEqual(expected);
    expect(await found(mxOf('d.test'), all, {})).toBeUndefined();
    const required = { ...trusted, tlsPolicies: [testPolicy({ name: 'default', mode: 'required' })] };
    expect(await found(mxOf('d.test'), all, required)).toBeUndefined();
  });

  it('with addresses of which only some are signed counts as not signed', async () => {
    for (const secure of [['A'], ['AAAA']] as const) {
      const both = { a: ['203.0.113.1'], aaaa: ['2001:db8::1'], secure };
      const zone = { 'd.test': mx, 'mx.test': both, '_25._tcp.mx.test': tlsa };
      expect(await found(mxOf('d.test'), zone)).toEqual(none('the addresses of mx.test are not signed'));
    }
  });

  it('named by MX records that are not signed, is known by its own name alone', async () => {
    const zone = { 'd.test': { ...mx, secure: false }, 'mx.test': host, '_25._tcp.mx.test': tlsa };
    expect(await found(mxOf('d.test'), zone)).toEqual({ ...at('mx.test'), isNamedSecurely: false });
  });

  it('of a domain that is an alias may be known by both names (§3.2.2)', async () => {
    const alias = { 'd.test': { cname: 'e.test', secure: true }, 'mx.test': host, '_25._tcp.mx.test': tlsa };
    expect(await found(mxOf('d.test'), { ...alias, 'e.test': mx })).toMatchObject(
      at('mx.test', 'd.test', 'e.test'),
    );
  });

  it('that is another for each is looked up for each, once for all of its addresses', async () => {
    const zone = {
      'd.test': {
        mx: [1, 2].map((preference) => ({ preference, exchange: `${preference}.test` })),
        secure: true,
      },
      '1.test': { a: ['203.0.113.1', '203.0.113.2'], secure: true },
      '2.test': host,
      '_25._tcp.2.test': tlsa,
    };
    const hops = await resolveHops(mxOf('d.test'), context(zone, dane()));
    expect(hops.map(({ dane: each }) => each!.tlsa.status)).toEqual(['none', 'none', 'found']);
    expect(hops[0]!.dane).toBe(hops[1]!.dane);
  });
});

describe('of other hosts', () => {
  it('a domain without MX records is its own host, known by both of its names (§3.2.2)', async () => {
    const zone: Zone = { 'd.test': host, '_25._tcp.d.test': tlsa };
    expect(await found(mxOf('d.test'), zone)).toEqual(at('d.test'));
    const alias = {
      'd.test': { cname: 'real.test', secure: true },
      'real.test': host,
      '_25._tcp.real.test': tlsa,
    };
    expect(await found(mxOf('d.test'), alias)).toEqual(at('real.test', 'd.test'));
  });

  const relay = (lookupMx: boolean): OutwardDestination => ({
    kind: 'relay',
    key: 'relay:r',
    relay: testRelay({ hosts: [{ host: 'Relay.test', port: 587, weight: 1, lookupMx }] }),
  });

  it('a relay has them by its port', async () => {
    const zone: Zone = { 'Relay.test': host, '_587._tcp.relay.test': tlsa };
    expect(await found(relay(false), zone)).toEqual(at('relay.test'));
  });

  it('a relay that is looked up by MX is believed as its MX records are', async () => {
    for (const secure of [true, false]) {
      const zone = { 'Relay.test': { ...to('mx.test'), secure }, 'mx.test': host, '_587._tcp.mx.test': tlsa };
      expect((await found(relay(true), zone))!.isNamedSecurely).toBe(secure);
    }
  });

  it('the target of a domain has them, too', async () => {
    const target = { type: 'lmtp' as const, hosts: [{ host: 'inbox.test', port: 24 }] };
    const destination: OutwardDestination = {
      kind: 'domain',
      key: 'domain:ours.test',
      domain: testDomain({ target }),
    };
    expect(await found(destination, { 'inbox.test': host, '_24._tcp.inbox.test': tlsa })).toEqual(
      at('inbox.test'),
    );
  });

  it('an address has none, nor has what the host table says (§2.2)', async () => {
    expect(await found(literalOf('[203.0.113.1]'), {})).toEqual(none('an address has no TLSA records'));
    const table = '203.0.113.1 relay.test';
    expect(
      await found(relay(false), { 'relay.test': host, '_587._tcp.relay.test': tlsa }, dane(), table),
    ).toEqual(none('Relay.test is in the host table'));
  });
});

it('a resolver that is not trusted has nothing to say', async () => {
  const zone = { 'd.test': to('mx.test'), 'mx.test': host, '_25._tcp.mx.test': tlsa };
  expect(await found(mxOf('d.test'), zone, dane({}))).toEqual(
    none('no resolver is trusted to validate (dns.validates of the MTA)', false),
  );
});
