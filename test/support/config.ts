/** A whole, valid MtaConfig for tests and bench: quick retries, generous limits, no manifests in between. */
import { randomBytes, scryptSync } from 'node:crypto';
import { join } from 'node:path';
import {
  type Delivery,
  type Domain,
  type Limits,
  type Listener,
  type MtaConfig,
  mtaConfigSchema,
  type Relay,
} from '../../mta/config.ts';

export interface Ports {
  readonly smtp: number;
  readonly submission: number;
  readonly health: number;
  readonly control: number;
}

export const CONTROL_TOKEN = 'Secret/test/control/token';

export const LIMITS: Limits = {
  messageSize: 50 * 1024 * 1024,
  recipients: 1000,
  transactionsPerSession: 1_000_000,
  errorsPerSession: 20,
  idleCommandsPerSession: 100,
  authFailuresPerSession: 3,
  sessionSeconds: 3600,
  sessionBytes: 1024 ** 4,
  connections: 2000,
  connectionsPerAddress: 1000,
  lineLength: 1000,
  hops: 30,
  minDataRate: 0,
};

export function listener(port: number, more: Partial<Listener> = {}): Listener {
  return {
    name: 'smtp',
    role: 'smtp',
    address: '127.0.0.1',
    port,
    tls: { mode: 'none', required: false, minVersion: 'TLSv1.2' },
    auth: { offered: false, required: false, allowWithoutTls: false },
    relayFrom: ['127.0.0.0/8'],
    limits: LIMITS,
    ...more,
  };
}

export function relay(name: string, host: string, port: number, more: Partial<Relay> = {}): Relay {
  return {
    resource: `MailRelay/test/${name}`,
    name: `test/${name}`,
    match: { recipientDomains: ['*'], senderDomains: [], users: [] },
    hosts: [{ host, port, weight: 1, lookupMx: false }],
    trusted: true,
    implicitTls: false,
    rewrite: { envelopeFrom: [], headerFrom: [] },
    limits: { connections: 20, messagesPerConnection: 1000 },
    ...more,
  };
}

export function lmtpDomain(domain: string, port: number, more: Partial<Domain> = {}): Domain {
  return {
    resource: `MailDomain/test/${domain}`,
    domain,
    aliases: [],
    target: { type: 'lmtp', hosts: [{ host: '127.0.0.1', port }] },
    trusted: true,
    recipients: { mode: 'any', list: [] },
    ...more,
  };
}

/** PHC string of scrypt, as `users[].verifier` names it. */
export function scryptVerifier(password: string): string {
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 128 * 1024 * 1024 });
  return `$scrypt$ln=15,r=8,p=1$${base64(salt)}$${base64(hash)}`;
}

/** Retries within a second or two, so that a test sees several. */
export const DELIVERY: Delivery = {
  retry: { initialSeconds: 0.5, factor: 1.5, maxSeconds: 2, jitter: 0.2 },
  lifetimeSeconds: 5 * 86_400,
  bounceLifetimeSeconds: 86_400,
  delayWarningSeconds: 0,
  connectionsPerDestination: 20,
  messagesPerConnection: 1000,
  idleConnectionSeconds: 5,
  mxPort: 25,
  addressFamilies: ['ipv4'],
  defaultTls: 'opportunistic',
  timeouts: { connect: 10, greeting: 10, command: 10, dataBlock: 10, finalReply: 20 },
};

/** The default fleet of tests: relays for 127.0.0.0/8, retries within a second, state below `folder`. */
export function testConfig(folder: string, ports: Ports, more: Partial<MtaConfig> = {}): MtaConfig {
  return mtaConfigSchema.parse({
    version: 1,
    revision: 1,
    resources: {},
    fleet: { namespace: 'test', name: 'test', hostname: 'mx.test', postmaster: 'postmaster@mx.test' },
    workers: 2,
    drainSeconds: 10,
    listeners: [listener(ports.smtp)],
    health: { address: '127.0.0.1', port: ports.health },
    control: { access: 'token', address: '127.0.0.1', port: ports.control, token: CONTROL_TOKEN },
    queue: {
      mode: 'PerReplica',
      path: join(folder, 'queue'),
      leaseTermSeconds: 10,
      inlineBodyBytes: 256 * 1024,
      segmentBytes: 64 * 1024 * 1024,
      minFreeBytes: 64 * 1024 * 1024,
      initialize: true,
    },
    log: { level: 'info', redactAddresses: false, historyPath: join(folder, 'history'), historyDays: 7 },
    delivery: DELIVERY,
    resolver: { servers: [], timeoutSeconds: 2 },
    egress: { allow: ['127.0.0.0/8'] },
    domains: [],
    relays: [],
    tlsPolicies: [
      {
        name: 'opportunistic',
        mode: 'opportunistic',
        fallbackToClear: true,
        minVersion: 'TLSv1.2',
        destinations: [],
      },
    ],
    users: [],
    ...more,
    secrets: { [CONTROL_TOKEN]: 'test-control-token', ...more.secrets },
  } satisfies MtaConfig);
}
