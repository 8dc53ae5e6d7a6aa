import { describe, expect, it } from 'vitest';
import type { SmtpError } from '../errors.ts';
import { systemRandom } from '../random.ts';
import type { MxRecord } from './dns-answer.ts';
import { resolveHops } from './hops.ts';
import { testConfig, testPolicy } from './testing/config.ts';
import {
  addresses,
  context,
  failure,
  listener,
  literalOf,
  mxOf,
  noShuffle,
  type Zone,
} from './testing/zone.ts';

describe('MX', () => {
  it('hosts come by preference, each with its families in turn', async () => {
    const hops = await resolveHops(
      mxOf('d.test'),
      context({
        'd.test': {
          mx: [
            { preference: 20, exchange: 'b.test' },
            { preference: 10, exchange: 'a.test' },
          ],
        },
        'a.test': { a: ['203.0.113.1', '203.0.113.2'], aaaa: ['2001:db8::1'] },
        'b.test': { a: ['203.0.113.3'] },
      }),
    );
    expect(hops.map(({ host, address, port }) => [host, address, port])).toEqual([
      ['a.test', '2001:db8::1', 25],
      ['a.test', '203.0.113.1', 25],
      ['a.test', '203.0.113.2', 25],
      ['b.test', '203.0.113.3', 25],
    ]);
    expect(hops[0]).toMatchObject({ protocol: 'smtp', implicitTls: false, tls: { name: 'default' } });
  });

  it('hosts of equal preference are shuffled, and never past their preference', async () => {
    const zone: Zone = {
      'd.test': {
        mx: ['a', 'b', 'c'].map((name, at) => ({ preference: at === 2 ? 20 : 10, exchange: `${name}.test` })),
      },
      'a.test': { a: ['203.0.113.1'] },
      'b.test': { a: ['203.0.113.2'] },
      'c.test': { a: ['203.0.113.3'] },
    };
    const firsts = new Set<string>();
    for (let round = 0; round < 64; round++) {
      const [first, , last] = await addresses(mxOf('d.test'), zone, {}, systemRandom);
      firsts.add(first!);
      expect(last).toBe('203.0.113.3');
    }
    expect(firsts).toEqual(new Set(['203.0.113.1', '203.0.113.2']));
  });

  it('absence leads to the domain’s own addresses', async () => {
    expect(await addresses(mxOf('d.test'), { 'd.test': { a: ['203.0.113.1'] } })).toEqual(['203.0.113.1']);
  });

  it.each<[string, Zone, Partial<SmtpError>]>([
    ['no domain', {}, { code: 550, enhanced: '5.1.2', blame: 'client' }],
    ['neither MX nor address', { 'd.test': {} }, { code: 550, enhanced: '5.4.4' }],
    [
      'a null MX',
      { 'd.test': { mx: [{ preference: 0, exchange: '' }], a: ['203.0.113.1'] } },
      { code: 556, enhanced: '5.1.10' },
    ],
    [
      'an MX that nobody knows, whatever address there is',
      { 'd.test': { a: ['203.0.113.1'], failed: ['MX'] } },
      { code: 451, enhanced: '4.4.3' },
    ],
    [
      'no MX, and an address that nobody knows',
      { 'd.test': { failed: ['A'] } },
      { code: 451, enhanced: '4.4.3' },
    ],
    [
      'MX hosts without addresses',
      { 'd.test': { mx: [{ preference: 1, exchange: 'a.test' }], a: ['203.0.113.1'] }, 'a.test': {} },
      { code: 550, enhanced: '5.4.4' },
    ],
    [
      'MX hosts whose addresses nobody knows',
      { 'd.test': { mx: [{ preference: 1, exchange: 'a.test' }] }, 'a.test': { failed: ['A', 'AAAA'] } },
      { code: 451, enhanced: '4.4.3' },
    ],
  ])('%s', async (_what, zone, expected) => {
    expect(await failure(mxOf('d.test'), zone)).toMatchObject(expected);
  });

  it('hosts without an address are skipped, and a family that nobody knows is no obstacle', async () => {
    const zone: Zone = {
      'd.test': {
        mx: [
          { preference: 1, exchange: 'a.test' },
          { preference: 2, exchange: 'b.test' },
        ],
      },
      'a.test': {},
      'b.test': { a: ['203.0.113.2'], failed: ['AAAA'] },
    };
    expect(await addresses(mxOf('d.test'), zone)).toEqual(['203.0.113.2']);
  });

  it('hosts are not looked up in the host table', async () => {
    const zone: Zone = {
      'd.test': { mx: [{ preference: 1, exchange: 'a.test' }] },
      'a.test': { a: ['203.0.113.2'] },
    };
    expect(await addresses(mxOf('d.test'), zone, {}, noShuffle, '203.0.113.77 a.test')).toEqual([
      '203.0.113.2',
    ]);
  });

  it('only the families of config are asked for', async () => {
    const zone: Zone = { 'd.test': { a: ['203.0.113.1'], aaaa: ['2001:db8::1'] } };
    const delivery = { ...testConfig().delivery, addressFamilies: ['ipv4' as const] };
    expect(await addresses(mxOf('d.test'), zone, { delivery })).toEqual(['203.0.113.1']);
  });

  it('no attempt tries more than ten addresses, nor more than four of one host', async () => {
    const list = (host: number) => Array.from({ length: 8 }, (_, at) => `203.0.113.${host * 10 + at}`);
    const mx = [1, 2, 3, 4].map((n) => ({ preference: n, exchange: `h${n}.test` }));
    const zone: Zone = { 'd.test': { mx } };
    for (const n of [1, 2, 3, 4]) {
      zone[`h${n}.test`] = { a: list(n) };
    }
    const found = await resolveHops(mxOf('d.test'), context(zone));
    expect(found.map(({ host }) => host)).toEqual(
      ['h1', 'h1', 'h1', 'h1', 'h2', 'h2', 'h2', 'h2', 'h3', 'h3'].map((h) => `${h}.test`),
    );
  });
});

describe('an MX list that names us', () => {
  const zone = (own: MxRecord): Zone => ({
    'd.test': { mx: [{ preference: 10, exchange: 'a.test' }, own, { preference: 30, exchange: 'c.test' }] },
    'a.test': { a: ['203.0.113.1'] },
    'mx.ours.test': { a: ['203.0.113.200'] },
    'other.test': { a: ['203.0.113.9'] },
    'c.test': { a: ['203.0.113.3'] },
  });

  it('is cut at our name', async () => {
    expect(await addresses(mxOf('d.test'), zone({ preference: 20, exchange: 'mx.ours.test' }))).toEqual([
      '203.0.113.1',
    ]);
  });

  it('is cut at the name that any pod of ours gives in HELO', async () => {
    const egress = { allow: [], hostname: 'mx{ordinal}.ours.test' };
    for (const [exchange, left] of [
      ['MX7.ours.test', 1],
      ['other.test', 3],
    ] as const) {
      const names = { ...zone({ preference: 20, exchange }), 'mx7.ours.test': { a: ['203.0.113.207'] } };
      expect(await addresses(mxOf('d.test'), names, { egress })).toHaveLength(left);
    }
  });

  it('is cut at an address that a listener answers at, wildcard or not', async () => {
    const own = { preference: 20, exchange: 'other.test' };
    expect(await addresses(mxOf('d.test'), zone(own), { listeners: [listener] })).toEqual(['203.0.113.1']);
    expect(
      await addresses(mxOf('d.test'), zone(own), { listeners: [{ ...listener, address: '203.0.113.9' }] }),
    ).toEqual(['203.0.113.1']);
    expect(
      await addresses(mxOf('d.test'), zone(own), { listeners: [{ ...listener, port: 2525 }] }),
    ).toHaveLength(3);
  });

  it('has nobody left when we are preferred, or equal', async () => {
    for (const preference of [5, 10]) {
      expect(await failure(mxOf('d.test'), zone({ preference, exchange: 'MX.ours.test' }))).toMatchObject({
        code: 550,
        enhanced: '5.4.6',
        blame: 'config',
      });
    }
  });
});

describe('address literals', () => {
  it('are their own address, with the TLS policy of *', async () => {
    const tlsPolicies = [testPolicy({ name: 'default' }), testPolicy({ name: 'star', destinations: ['*'] })];
    const [hop] = await resolveHops(literalOf('[ipv6:2001:db8::1]'), context({}, { tlsPolicies }));
    expect(hop).toMatchObject({
      host: '2001:db8::1',
      address: '2001:db8::1',
      port: 25,
      tls: { name: 'star' },
    });
  });

  it('that are none are bad recipients, that are ours loop', async () => {
    expect(await failure(literalOf('[x-tag:abc]'), {})).toMatchObject({ code: 501 });
    expect(await failure(literalOf('[203.0.113.9]'), {}, { listeners: [listener] })).toMatchObject({
      enhanced: '5.4.6',
    });
    for (const spelling of [
      '[ipv6:2001:DB8:0:0::9]',
      '[ipv6:::ffff:203.0.113.9]',
      '[ipv6:::ffff:cb00:7109]',
    ]) {
      expect(await failure(literalOf(spelling), {}, { listeners: [listener] }), spelling).toMatchObject({
        enhanced: '5.4.6',
      });
    }
    expect(await failure(literalOf('[127.0.0.1]'), {})).toMatchObject({ enhanced: '4.7.1', blame: 'config' });
  });
});
