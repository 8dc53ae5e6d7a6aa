/** A whole config for tests of routing and delivery: valid, and small. */
import { type Domain, type MtaConfig, mtaConfigSchema, type Relay, type TlsPolicy } from '../../config.ts';

export function testConfig(change: Partial<MtaConfig> = {}): MtaConfig {
  return mtaConfigSchema.parse({
    version: 1,
    revision: 1,
    resources: {},
    fleet: { namespace: 'mail', name: 'mta', hostname: 'mx.ours.test', postmaster: 'postmaster@ours.test' },
    workers: 1,
    drainSeconds: 10,
    listeners: [],
    health: { address: '127.0.0.1', port: 8081 },
    control: { access: 'token', address: '127.0.0.1', port: 8080, token: 'token' },
    queue: {
      mode: 'Shared',
      path: '/nowhere',
      leaseTermSeconds: 30,
      inlineBodyBytes: 65_536,
      segmentBytes: 1_000_000,
      minFreeBytes: 0,
      initialize: true,
    },
    log: { level: 'info', redactAddresses: false, historyPath: '/nowhere', historyDays: 0 },
    delivery: {
      retry: { initialSeconds: 60, factor: 2, maxSeconds: 3600, jitter: 0 },
      lifetimeSeconds: 432_000,
      bounceLifetimeSeconds: 86_400,
      delayWarningSeconds: 0,
      connectionsPerDestination: 10,
      messagesPerConnection: 100,
      idleConnectionSeconds: 5,
      mxPort: 25,
      addressFamilies: ['ipv6', 'ipv4'],
      defaultTls: 'default',
      timeouts: { connect: 5, greeting: 5, command: 5, dataBlock: 5, finalReply: 5 },
    },
    resolver: { servers: [], timeoutSeconds: 1 },
    egress: { allow: [] },
    domains: [],
    relays: [],
    tlsPolicies: [testPolicy({ name: 'default' })],
    users: [],
    secrets: { token: 'secret' },
    ...change,
  } satisfies MtaConfig);
}

export function testPolicy(change: Partial<TlsPolicy> = {}): TlsPolicy {
  return {
    name: 'policy',
    mode: 'opportunistic',
    fallbackToClear: true,
    minVersion: 'TLSv1.2',
    destinations: [],
    ...change,
  };
}

export function testRelay(change: Partial<Relay> = {}): Relay {
  return {
    resource: 'MailRelay/mail/out',
    name: 'mail/out',
    match: { recipientDomains: ['*'], senderDomains: [], users: [] },
    hosts: [{ host: '192.0.2.25', port: 587, weight: 1, lookupMx: false }],
    trusted: true,
    implicitTls: false,
    rewrite: { envelopeFrom: [], headerFrom: [] },
    limits: { connections: 10, messagesPerConnection: 7 },
    ...change,
  };
}

export function testDomain(change: Partial<Domain> = {}): Domain {
  return {
    resource: 'MailDomain/mail/ours.test',
    domain: 'ours.test',
    aliases: [],
    target: { type: 'lmtp', hosts: [{ host: '127.0.0.1', port: 24 }] },
    trusted: true,
    recipients: { mode: 'any', list: [] },
    ...change,
  };
}
