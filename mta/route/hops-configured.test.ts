import { describe, expect, it } from 'vitest';
import type { MtaConfig } from '../config.ts';
import type { SmtpError } from '../errors.ts';
import { systemRandom } from '../random.ts';
import { compileRoutes } from './destination.ts';
import { resolveHops } from './hops.ts';
import { testConfig, testDomain, testPolicy, testRelay } from './testing/config.ts';
import { addresses, context, failure, listener, mxOf, noShuffle, type Zone } from './testing/zone.ts';
import type { OutwardDestination } from './types.ts';

describe('relays', () => {
  const relay = (change = {}): OutwardDestination => ({
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
      '64:ff9b:1::7f00:1',
      '::ffff:0:127.0.0.1',
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
        const destination = routes.destinationFor({ from: '' }, `x@${name}`) as OutwardDestination;
        return (await resolveHops(destination, context(zone, { tlsPolicies })))[0]!.tls.name;
      }),
    );
    expect(found).toEqual(['star', 'wild', 'wilder', 'exact']);
  });
});
