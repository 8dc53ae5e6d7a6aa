import { describe, expect, it } from 'vitest';
import type { MtaConfig } from '../config.ts';
import type { SmtpError } from '../errors.ts';
import { type Random, systemRandom } from '../random.ts';
import { compileRoutes } from './destination.ts';
import type { DnsResult, LookupType, MxRecord } from './dns-answer.ts';
import { compileHops, resolveHops } from './hops.ts';
import { parseHosts } from './hosts.ts';
import type { Resolver } from './resolver.ts';
import { testConfig, testDomain, testPolicy, testRelay } from './testing/config.ts';
import type { Destination } from './types.ts';

type Zone = Record<string, { mx?: MxRecord[]; a?: string[]; aaaa?: string[]; failed?: LookupType[] }>;

/** What a name has is found, what it lacks has no data, names that are not there don't exist. */
function zoneResolver(zone: Zone): Resolver {
  return {
    async lookup<T extends LookupType>(name: string, type: T): Promise<DnsResult<T>> {
      const entry = zone[name];
      if (entry?.failed?.includes(type)) {
        return { status: 'failed', reason: 'SERVFAIL' };
      }
      const records = { MX: entry?.mx, A: entry?.a, AAAA: entry?.aaaa }[type];
      return records === undefined
        ? { status: entry === undefined ? 'noDomain' : 'noData', ttl: 60, authenticated: false }
        : ({ status: 'found', records, ttl: 60, authenticated: false } as unknown as DnsResult<T>);
    },
  };
}

const noShuffle: Random = { ...systemRandom, fraction: () => 0.999 };

function context(zone: Zone, change: Partial<MtaConfig> = {}, random: Random = noShuffle, hosts = '') {
  return compileHops(testConfig(change), {
    resolver: zoneResolver(zone),
    hosts: parseHosts(hosts),
    random,
    interfaces: ['203.0.113.9', '2001:db8::9'],
  });
}

const mxOf = (domain: string): Destination => ({ kind: 'mx', key: `mx:${domain}`, domain });
const literalOf = (address: string): Destination => ({ kind: 'literal', key: `literal:${address}`, address });

async function addresses(destination: Destination, ...args: Parameters<typeof context>): Promise<string[]> {
  return (await resolveHops(destination, context(...args))).map(({ address }) => address);
}

async function failure(destination: Destination, ...args: Parameters<typeof context>): Promise<SmtpError> {
  return resolveHops(destination, context(...args)).then(
    () => expect.unreachable('resolved'),
    (error: SmtpError) => error,
  );
}

const listener: MtaConfig['listeners'][number] = {
  name: 'smtp',
  role: 'smtp',
  address: '0.0.0.0',
  port: 25,
  tls: { mode: 'none', required: false, minVersion: 'TLSv1.2' },
  auth: { offered: false, required: false, allowWithoutTls: false },
  relayFrom: [],
  limits: {
    messageSize: 1,
    recipients: 1,
    transactionsPerSession: 1,
    errorsPerSession: 1,
    idleCommandsPerSession: 1,
    authFailuresPerSession: 1,
    sessionSeconds: 1,
    sessionBytes: 1,
    connections: 1,
    connectionsPerAddress: 1,
    lineLength: 1000,
    hops: 50,
    minDataRate: 0,
  },
};

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
    expect(await failure(literalOf('[127.0.0.1]'), {})).toMatchObject({ enhanced: '4.7.1', blame: 'config' });
  });
});

describe('relays', () => {
  const relay = (change = {}): Destination => ({
    kind: 'relay',
    key: 'relay:mail/out',
    relay: testRelay(change),
  });

  it('bring port, TLS, credentials and limits', async () => {
    const tlsPolicies = [testPolicy({ name: 'default' }), testPolicy({ name: 'strict', mode: 'verified' })];
    const [hop] = await resolveHops(
      relay({ tls: 'strict', implicitTls: true, auth: { username: 'u', password: 'p' } }),
      context({}, { tlsPolicies, secrets: { p: 'pass' } }),
    );
    expect(hop).toMatchObject({
      address: '192.0.2.25',
      port: 587,
      implicitTls: true,
      tls: { name: 'strict' },
      auth: { username: 'u', password: 'pass' },
      messagesPerConnection: 7,
    });
  });

  it('are found in the host table first, then in DNS, by MX only where asked', async () => {
    const zone: Zone = {
      'r.test': { mx: [{ preference: 1, exchange: 'm.test' }], a: ['203.0.113.1'] },
      'm.test': { a: ['203.0.113.2'] },
    };
    const host = { host: 'r.test', port: 25, weight: 1, lookupMx: false };
    expect(await addresses(relay({ hosts: [host] }), zone)).toEqual(['203.0.113.1']);
    expect(await addresses(relay({ hosts: [{ ...host, lookupMx: true }] }), zone)).toEqual(['203.0.113.2']);
    expect(await addresses(relay({ hosts: [host] }), zone, {}, noShuffle, '203.0.113.5 R.test')).toEqual([
      '203.0.113.5',
    ]);
    expect(await addresses(relay({ hosts: [{ ...host, host: 'localhost' }] }), {})).toEqual([
      '::1',
      '127.0.0.1',
    ]);
  });

  it('come first as often as their weights say', async () => {
    const hosts = [1, 3].map((weight) => ({ host: `192.0.2.${weight}`, port: 25, weight, lookupMx: false }));
    let heavy = 0;
    for (let round = 0; round < 400; round++) {
      heavy += (await addresses(relay({ hosts }), {}, {}, systemRandom))[0] === '192.0.2.3' ? 1 : 0;
    }
    expect(heavy).toBeGreaterThan(240);
    expect(heavy).toBeLessThan(360);
  });

  it.each<[string, object, Partial<MtaConfig>, Partial<SmtpError>]>([
    [
      'a host that does not exist',
      { hosts: [{ host: 'gone.test', port: 25, weight: 1, lookupMx: false }] },
      {},
      { code: 451, enhanced: '4.4.4', blame: 'config' },
    ],
    [
      'an MX name that does not exist',
      { hosts: [{ host: 'gone.test', port: 25, weight: 1, lookupMx: true }] },
      {},
      { code: 451, enhanced: '4.4.4', blame: 'config' },
    ],
    [
      'a Secret that is missing',
      { unavailable: 'Secret mail/x is missing' },
      {},
      { code: 451, enhanced: '4.3.5' },
    ],
    [
      'a password that is missing',
      { auth: { username: 'u', password: 'nope' } },
      {},
      { code: 451, enhanced: '4.3.5' },
    ],
    ['a TLS policy that is missing', { tls: 'nope' }, {}, { code: 451, enhanced: '4.3.5' }],
    [
      'a TLS policy that can’t be used',
      { tls: 'x' },
      { tlsPolicies: [testPolicy({ name: 'x', unavailable: 'no CA' })] },
      { code: 451, enhanced: '4.3.5' },
    ],
    [
      'ourselves',
      { hosts: [{ host: '203.0.113.9', port: 25, weight: 1, lookupMx: false }] },
      { listeners: [listener] },
      { code: 550, enhanced: '5.4.6' },
    ],
  ])('with %s defer, or say so', async (_what, change, config, expected) => {
    expect(await failure(relay(change), {}, config)).toMatchObject(expected);
  });

  it('that tenants name may not lead inside, unless egress lists it', async () => {
    const tenant = (host: string) =>
      relay({ trusted: false, hosts: [{ host, port: 25, weight: 1, lookupMx: false }] });
    const inside = [
      '127.0.0.1',
      '10.1.2.3',
      '169.254.169.254',
      '0.0.0.0',
      '224.0.0.1',
      '192.168.1.1',
      '100.64.0.1',
      '::1',
      '::',
      'fe80::1',
      'fd00::1',
      'ff02::1',
      '::ffff:127.0.0.1',
      '64:ff9b::10.0.0.1',
      '2002:7f00:1::1',
    ];
    for (const host of inside) {
      expect(await failure(tenant(host), {}), host).toMatchObject({
        code: 451,
        enhanced: '4.7.1',
        blame: 'config',
      });
    }
    for (const host of ['203.0.113.1', '2001:db8::1', '::ffff:203.0.113.1', '64:ff9b::203.0.113.1']) {
      expect(await addresses(tenant(host), {}), host).toEqual([host]);
    }
    expect(await addresses(tenant('10.1.2.3'), {}, { egress: { allow: ['10.1.0.0/16'] } })).toEqual([
      '10.1.2.3',
    ]);
    expect(
      await addresses(relay({ hosts: [{ host: '127.0.0.1', port: 25, weight: 1, lookupMx: false }] }), {}),
    ).toEqual(['127.0.0.1']);
    expect(await addresses(mxOf('d.test'), { 'd.test': { a: ['10.0.0.1', '203.0.113.1'] } })).toEqual([
      '203.0.113.1',
    ]);
    expect((await failure(tenant('t.test'), { 't.test': { a: ['10.0.0.1'] } })).message).toContain(
      'MailRelay/mail/out: t.test[10.0.0.1]',
    );
  });
});

describe('our own domains', () => {
  it('have the hosts of their target, in order', async () => {
    const domain = testDomain({
      target: {
        type: 'lmtp',
        hosts: [
          { host: 'localhost', port: 24 },
          { host: '203.0.113.1', port: 25 },
        ],
      },
    });
    const hops = await resolveHops({ kind: 'domain', key: 'domain:ours.test', domain }, context({}));
    expect(hops.map(({ address, port, protocol }) => [address, port, protocol])).toEqual([
      ['::1', 24, 'lmtp'],
      ['127.0.0.1', 24, 'lmtp'],
      ['203.0.113.1', 25, 'lmtp'],
    ]);
  });
});

describe('the TLS policy', () => {
  it('is that of the most specific pattern', async () => {
    const tlsPolicies = [
      testPolicy({ name: 'default' }),
      testPolicy({ name: 'star', destinations: ['*'] }),
      testPolicy({ name: 'wild', destinations: ['*.example.org'] }),
      testPolicy({ name: 'wilder', destinations: ['*.b.example.org'] }),
      testPolicy({ name: 'exact', destinations: ['a.b.example.org'] }),
    ];
    const zone: Zone = {};
    const names = ['example.net', 'x.example.org', 'x.b.example.org', 'a.b.example.org'];
    for (const name of names) {
      zone[name] = { a: ['203.0.113.1'] };
    }
    const routes = compileRoutes(testConfig());
    const found = await Promise.all(
      names.map(async (name) => {
        const destination = routes.destinationFor({ from: '' }, `x@${name}`);
        return (await resolveHops(destination, context(zone, { tlsPolicies })))[0]!.tls.name;
      }),
    );
    expect(found).toEqual(['star', 'wild', 'wilder', 'exact']);
  });
});
