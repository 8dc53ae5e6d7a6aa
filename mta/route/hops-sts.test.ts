import { describe, expect, it } from 'vitest';
import { TestClock } from '../testing/test-clock.ts';
import { hopsByWish } from './recent-hops.ts';
import type { StsPolicy } from './sts/policy.ts';
import { testDomain, testPolicy, testRelay } from './testing/config.ts';
import { context, literalOf, mxOf, noShuffle, type Zone } from './testing/zone.ts';
import type { OutwardDestination } from './types.ts';
import type { TlsWish } from './wish.ts';

const zone: Zone = {
  'd.test': {
    mx: [
      { preference: 1, exchange: 'mx1.d.test' },
      { preference: 2, exchange: 'mx2.other.test' },
    ],
  },
  'mx1.d.test': { a: ['192.0.2.1'] },
  'mx2.other.test': { a: ['192.0.2.2'] },
  'bücher.test': { mx: [{ preference: 1, exchange: 'mx1.d.test' }] },
  'alone.test': { a: ['192.0.2.3'] },
};

/** Which domains were asked for their policy, and what became of the hosts. */
async function found(
  destination: OutwardDestination,
  policy: Partial<StsPolicy> | undefined,
  tls = testPolicy({ mode: 'mtaSts' }),
  wish?: TlsWish,
) {
  const asked: string[] = [];
  const reported: string[] = [];
  const tlsPolicies = [{ ...tls, name: 'default' }];
  const change = { tlsPolicies, egress: { allow: ['192.0.2.0/24', '127.0.0.0/8'] } };
  const by = context(zone, change, noShuffle, '', {
    async policyOf(domain, isReported) {
      asked.push(domain);
      if (isReported) reported.push(domain);
      return policy && { mode: 'enforce', maxAge: 60, mx: ['*.d.test'], ...policy };
    },
  });
  const hops = await hopsByWish(by, new TestClock())(destination, wish);
  return {
    asked,
    reported,
    hops: hops.map(({ host, tls: { mode }, sts }) => ({ host, mode, sts })),
    all: hops,
  };
}

const sts = (lists: boolean, mode: string, domain = 'd.test') => ({ domain, mode, lists });

const stsOnly = ({ hops, asked }: Awaited<ReturnType<typeof found>>) => ({ hops, asked });

describe('hosts of a domain with an MTA-STS policy', () => {
  it.each(['enforce', 'testing'] as const)(
    '%s: are what it says of them, in the order of their preference',
    async (mode) => {
      expect(stsOnly(await found(mxOf('d.test'), { mode }))).toEqual({
        asked: ['d.test'],
        hops: [
          { host: 'mx1.d.test', mode: 'mtaSts', sts: sts(true, mode) },
          { host: 'mx2.other.test', mode: 'mtaSts', sts: sts(false, mode) },
        ],
      });
    },
  );

  it('of mode none, or without one, are as any others', async () => {
    for (const policy of [{ mode: 'none' as const }, undefined]) {
      const { hops } = await found(mxOf('d.test'), policy);
      expect(hops.map(({ sts }) => sts)).toEqual([undefined, undefined]);
    }
  });

  it('are asked about by A-labels, and a domain without MX is its own host', async () => {
    expect((await found(mxOf('bücher.test'), {})).asked).toEqual(['xn--bcher-kva.test']);
    const { hops } = await found(mxOf('alone.test'), { mx: ['alone.test'] });
    expect(hops).toMatchObject([{ sts: sts(true, 'enforce', 'alone.test') }]);
  });

  it('nobody asks for a policy by another mode, for a literal, and for a target of ours', async () => {
    expect((await found(mxOf('d.test'), {}, testPolicy())).asked).toEqual([]);
    expect((await found(literalOf('[192.0.2.1]'), {})).asked).toEqual([]);
    const target = { kind: 'domain', key: 'domain:ours.test', domain: testDomain() } as const;
    expect((await found(target, {})).asked).toEqual([]);
  });

  it('RFC 8461 §3.4: of a smart host, its own name is the Policy Domain, and an address has none', async () => {
    const relay = testRelay({
      hosts: [
        { host: 'd.test', port: 25, weight: 1, lookupMx: true },
        { host: 'mx1.d.test', port: 587, weight: 1, lookupMx: false },
        { host: '192.0.2.9', port: 25, weight: 1, lookupMx: false },
      ],
    });
    const { asked, hops } = await found({ kind: 'relay', key: 'relay:mail/out', relay }, {});
    expect(asked.sort()).toEqual(['d.test', 'mx1.d.test']);
    expect(hops).toEqual([
      { host: 'mx1.d.test', mode: 'mtaSts', sts: sts(true, 'enforce') },
      { host: 'mx2.other.test', mode: 'mtaSts', sts: sts(false, 'enforce') },
      { host: 'mx1.d.test', mode: 'mtaSts', sts: sts(true, 'enforce', 'mx1.d.test') },
      { host: '192.0.2.9', mode: 'mtaSts', sts: undefined },
    ]);
  });

  it('bring the whole policy, for reports', async () => {
    const policy = { mode: 'testing', maxAge: 60, mx: ['mx1.d.test'] } as const;
    const { all } = await found(mxOf('d.test'), policy);
    expect(all.map(({ stsPolicy }) => stsPolicy)).toEqual([policy, policy]);
  });
});

describe('whose reports a host is for (RFC 8460 §3)', () => {
  const domain = (change = {}): OutwardDestination => ({
    ...{ kind: 'domain', key: 'domain:ours.test' },
    domain: testDomain(change),
  });
  const held = { type: 'hold', maxAgeSeconds: 1, etrnFrom: [], users: [], hosts: [] } as const;
  const relay: OutwardDestination = {
    ...{ kind: 'relay', key: 'relay:mail/out' },
    relay: testRelay({ hosts: [{ host: 'd.test', port: 25, weight: 1, lookupMx: true }] }),
  };

  it.each<[string, OutwardDestination, (string | undefined)[]]>([
    ["the recipients' domain", mxOf('d.test'), ['d.test', 'd.test']],
    ['by A-labels', mxOf('bücher.test'), ['xn--bcher-kva.test']],
    ['without MX records too', mxOf('alone.test'), ['alone.test']],
    ['nobody, of a literal', literalOf('[192.0.2.1]'), [undefined]],
    ['nobody, of a smart host', relay, [undefined, undefined]],
    ['nobody, of a target of ours', domain(), [undefined]],
    [
      'nobody, of mail that we hold for its owner, whose MX hosts get it',
      domain({ domain: 'd.test', target: held }),
      [undefined, undefined],
    ],
  ])('%s', async (_what, destination, expected) => {
    const { all, asked, reported } = await found(destination, undefined);
    expect(all.map(({ mxOf: of }) => of)).toEqual(expected);
    // The same holds for fetches of policies.
    expect(reported).toEqual(expected[0] === undefined ? [] : asked);
  });

  it('nobody, of mail that goes without regard to policies, such as reports: none is looked up, and nothing is waited for', async () => {
    const { all, asked } = await found(mxOf('d.test'), {}, undefined, 'optional');
    expect(all.map(({ mxOf: of, sts }) => [of, sts])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(asked).toEqual([]);
  });

  it('nobody, of such mail that our own policy makes wait for a policy all the same', async () => {
    for (const change of [{ mode: 'mtaSts', requireTls: true }, { mode: 'daneOrMtaSts' }] as const) {
      const { all, asked, reported } = await found(mxOf('d.test'), {}, testPolicy(change), 'optional');
      expect(all.map(({ mxOf: of, sts }) => [of, sts?.mode])).toEqual([
        [undefined, 'enforce'],
        [undefined, 'enforce'],
      ]);
      expect([asked, reported]).toEqual([['d.test'], []]);
    }
  });
});
