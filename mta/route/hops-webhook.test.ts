import { describe, expect, it } from 'vitest';
import type { MtaConfig, WebhookTarget } from '../config.ts';
import { resolveHops } from './hops.ts';
import { testDomain, testPolicy } from './testing/config.ts';
import { context, failure, listener, type Zone } from './testing/zone.ts';
import type { OutwardDestination } from './types.ts';

const secrets = { keys: 'whsec_x' };

function webhook(url: string, change: Partial<WebhookTarget> = {}, trusted = true): OutwardDestination {
  const domain = testDomain({ target: { type: 'webhook', url, signingKeys: 'keys', ...change }, trusted });
  return { kind: 'domain', key: 'domain:ours.test', domain };
}

const hopsOf = (url: string, zone: Zone = {}, change: Partial<WebhookTarget> = {}) =>
  resolveHops(webhook(url, change), context(zone, { secrets }));

describe('a webhook', () => {
  it.each([
    ['https://192.0.2.1/', { host: '192.0.2.1', port: 443, implicitTls: true }, '/'],
    ['http://192.0.2.1/', { host: '192.0.2.1', port: 80, implicitTls: false }, '/'],
    ['https://192.0.2.1:8443/a/b?c=d', { host: '192.0.2.1', port: 8443, implicitTls: true }, '/a/b?c=d'],
    ['http://[2001:db8::1]:8080', { host: '2001:db8::1', port: 8080, implicitTls: false }, '/'],
  ])('is where its URL says: %s', async (url, expected, path) => {
    const [hop] = await hopsOf(url);
    expect(hop).toMatchObject({
      ...expected,
      address: expected.host,
      protocol: 'webhook',
      isOwnTarget: true,
    });
    const { origin, host: authority } = new URL(url);
    expect(hop?.webhook).toEqual({ origin, authority, path, keys: 'whsec_x' });
  });

  it('has an address to try for each that its name has', async () => {
    const hops = await hopsOf('https://hooks.test/', { 'hooks.test': { a: ['192.0.2.1', '192.0.2.2'] } });
    expect(hops.map(({ host, address }) => [host, address])).toEqual([
      ['hooks.test', '192.0.2.1'],
      ['hooks.test', '192.0.2.2'],
    ]);
  });

  it('is verified with https, by the authorities of the policy that it names', async () => {
    const tlsPolicies = [
      testPolicy({ name: 'default' }),
      testPolicy({ name: 'p', mode: 'verified', ca: 'ca' }),
    ];
    const tls = async (change: Partial<WebhookTarget>) =>
      (await resolveHops(webhook('https://192.0.2.1/', change), context({}, { secrets, tlsPolicies })))[0]!
        .tls;
    expect(await tls({})).toMatchObject({ mode: 'verified', minVersion: 'TLSv1.2' });
    expect(await tls({ tls: 'p' })).toMatchObject({ name: 'p', ca: 'ca' });
  });

  it.each<[string, OutwardDestination, Partial<MtaConfig>, object]>([
    ['a key that is missing', webhook('https://192.0.2.1/'), {}, { code: 451, enhanced: '4.3.5' }],
    [
      'a key that can’t be used',
      webhook('https://192.0.2.1/', { unavailable: 'no key' }),
      { secrets },
      { code: 451, enhanced: '4.3.5' },
    ],
    [
      'a TLS policy that is missing',
      webhook('https://192.0.2.1/', { tls: 'nope' }),
      { secrets },
      { code: 451, enhanced: '4.3.5' },
    ],
    [
      'a name that does not exist',
      webhook('https://gone.test/'),
      { secrets },
      { code: 451, enhanced: '4.4.4', blame: 'config' },
    ],
    [
      'a listener of ours',
      webhook('http://203.0.113.9:25/'),
      { secrets, listeners: [listener] },
      { code: 550, enhanced: '5.4.6' },
    ],
  ])('with %s defers, or says so', async (_what, destination, config, expected) => {
    expect(await failure(destination, {}, config)).toMatchObject(expected);
  });

  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://[::ffff:127.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'http://inside.test/',
    'http://localhost/',
  ])('that a tenant names may not lead inside, however it is written: %s', async (url) => {
    const zone = { 'inside.test': { a: ['10.0.0.1'] } };
    expect(
      await failure(webhook(url, {}, false), zone, { secrets }, undefined, '127.0.0.1 localhost'),
    ).toMatchObject({
      ...{ code: 451, enhanced: '4.7.1', blame: 'config' },
    });
  });

  it('that a tenant names may lead to what egress lists', async () => {
    const config = { secrets, egress: { allow: ['10.0.0.0/8'] } };
    const [hop] = await resolveHops(webhook('http://10.1.2.3/', {}, false), context({}, config));
    expect(hop?.address).toBe('10.1.2.3');
  });
});
