import { describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import type { Listener, MtaConfig } from './config.ts';
import { peerCertificate, peerKey } from './deliver/testing/certificate.ts';
import { createVerifier } from './policy/verifier.ts';
import { systemRandom } from './random.ts';
import { testConfig, testDomain, testPolicy, testRelay } from './route/testing/config.ts';
import { checkSetup, createSetup, parseConfig } from './setup.ts';
import { testListener } from './testing/listener.ts';

const verifier = createVerifier({ clock: systemClock, random: systemRandom });
const check = (change: Partial<MtaConfig>) => () => checkSetup(testConfig(change), verifier);
const secrets = (more: Record<string, string>) => ({ token: 'secret', ...more });

const listener = (tls: Partial<Listener['tls']>): Listener =>
  testListener({
    tls: {
      mode: 'starttls',
      required: false,
      minVersion: 'TLSv1.2',
      certificate: 'cert',
      key: 'key',
      ...tls,
    },
  });

const webhook = { type: 'webhook' as const, url: 'https://a.test/', signingKeys: 'gone' };

describe('parseConfig', () => {
  it('takes what it was made from', () => {
    const config = testConfig();
    expect(parseConfig(structuredClone(config))).toEqual(config);
  });

  it('names every field at fault', () => {
    const broken = { ...testConfig(), workers: 0, surprise: 1 };
    expect(() => parseConfig(broken)).toThrow(expect.objectContaining({ code: 'ConfigInvalid' }));
    expect(() => parseConfig(broken)).toThrow(/workers: .*surprise/s);
  });

  it('refuses a later version before anything else, and what is no object', () => {
    expect(() => parseConfig({ version: 2, new: true })).toThrow(
      expect.objectContaining({ code: 'ConfigVersionUnsupported' }),
    );
    for (const document of [null, undefined, 'text', 4, []]) {
      expect(() => parseConfig(document)).toThrow(expect.objectContaining({ code: 'ConfigInvalid' }));
    }
  });
});

describe('checkSetup', () => {
  it('takes a config whose names all lead somewhere', () => {
    expect(check({})).not.toThrow();
    expect(
      check({ listeners: [listener({})], secrets: secrets({ cert: peerCertificate, key: peerKey }) }),
    ).not.toThrow();
  });

  it('refuses a TLS policy that nobody defines, wherever it is named', () => {
    const target = { type: 'smtp' as const, hosts: [{ host: 'a.test', port: 25 }], tls: 'gone' };
    for (const change of [
      { relays: [testRelay({ tls: 'gone' })] },
      { domains: [testDomain({ target })] },
      { domains: [testDomain({ target: { ...webhook, tls: 'gone' } })] },
      { tlsPolicies: [testPolicy({ name: 'other' })] },
    ]) {
      expect(check(change)).toThrow(/there is no TLS policy (gone|default)/);
    }
  });

  it('refuses a secret that is not there, but where its part is known to be unavailable', () => {
    const relay = testRelay({ auth: { username: 'u', password: 'gone' } });
    expect(check({ relays: [relay] })).toThrow(/secrets has no gone/);
    expect(check({ relays: [{ ...relay, unavailable: 'Secret gone is missing' }] })).not.toThrow();
    expect(check({ secrets: {} })).toThrow(/secrets has no token/);
    expect(check({ domains: [testDomain({ target: webhook })] })).toThrow(/secrets has no gone/);
    expect(check({ domains: [testDomain({ target: { ...webhook, unavailable: 'x' } })] })).not.toThrow();
    expect(check({ tlsPolicies: [testPolicy({ name: 'default', ca: 'gone' })] })).toThrow(
      /secrets has no gone/,
    );
  });

  it('refuses a certificate that is missing, broken, or of another key', () => {
    const invalid = expect.objectContaining({ code: 'CertificateInvalid' });
    const { certificate: _, ...without } = listener({}).tls;
    expect(
      check({ listeners: [{ ...listener({}), tls: without }], secrets: secrets({ key: peerKey }) }),
    ).toThrow(invalid);
    expect(
      check({ listeners: [listener({})], secrets: secrets({ cert: 'nonsense', key: peerKey }) }),
    ).toThrow(invalid);
    const listeners = [listener({ moreCertificates: [{ certificate: 'crt2', key: 'key2' }] })];
    const more = (pair: Record<string, string>) =>
      check({ listeners, secrets: secrets({ cert: peerCertificate, key: peerKey, ...pair }) });
    expect(more({})).toThrow(/secrets has no crt2/);
    expect(more({ crt2: peerCertificate, key2: 'nonsense' })).toThrow(invalid);
    expect(more({ crt2: peerCertificate, key2: peerKey })).not.toThrow();
  });

  it('refuses authorities of clients that are missing, or no certificates', () => {
    const clientAuth = { ca: 'ca', required: false, relayFrom: [] };
    const authorities = (pem: Record<string, string>) =>
      check({
        listeners: [listener({ clientAuth })],
        secrets: secrets({ cert: peerCertificate, key: peerKey, ...pem }),
      });
    expect(authorities({})).toThrow(/secrets has no ca/);
    for (const ca of ['', 'nonsense']) expect(authorities({ ca })).toThrow(/authorities of clients/);
    expect(authorities({ ca: peerCertificate })).not.toThrow();
  });
});

describe('createSetup', () => {
  it('compiles routes and policy of one config, and does not touch those of another', () => {
    const before = createSetup(testConfig(), verifier);
    const after = createSetup(testConfig({ domains: [testDomain()] }), verifier);
    const key = (setup: typeof before) => setup.routes.destinationFor({ from: '' }, 'bob@ours.test').key;
    expect(key(before)).toBe('mx:ours.test');
    expect(key(after)).toBe('domain:ours.test');
    expect(before.policy.domainFor('bob@ours.test')).toBeUndefined();
    expect(after.policy.domainFor('bob@ours.test')?.domain).toBe('ours.test');
  });

  it('throws for a user without a verifier', () => {
    const user = {
      resource: 'MailUser/mail/a',
      username: 'a',
      verifier: 'gone',
      senders: ['a@ours.test'],
      limits: {},
    };
    expect(() => createSetup(testConfig({ users: [user] }), verifier)).toThrow(/no secret gone/);
  });
});
