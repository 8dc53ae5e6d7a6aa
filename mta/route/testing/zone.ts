/** A resolver over a handful of names, and next hops looked up with it, for tests of routing. */
import { expect } from 'vitest';
import type { MtaConfig } from '../../config.ts';
import type { SmtpError } from '../../errors.ts';
import { type Random, systemRandom } from '../../random.ts';
import type { DnsResult, LookupType, MxRecord } from '../dns-answer.ts';
import { compileHops, resolveHops } from '../hops.ts';
import { parseHosts } from '../hosts.ts';
import type { Resolver } from '../resolver.ts';
import type { Destination } from '../types.ts';
import { testConfig } from './config.ts';

export type Zone = Record<string, { mx?: MxRecord[]; a?: string[]; aaaa?: string[]; failed?: LookupType[] }>;

/** What a name has is found, what it lacks has no data, names that are not there don't exist. */
export function zoneResolver(zone: Zone): Resolver {
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

export const noShuffle: Random = { ...systemRandom, fraction: () => 0.999 };

export function context(zone: Zone, change: Partial<MtaConfig> = {}, random: Random = noShuffle, hosts = '') {
  return compileHops(testConfig(change), {
    resolver: zoneResolver(zone),
    hosts: parseHosts(hosts),
    random,
    interfaces: ['203.0.113.9', '2001:db8::9'],
  });
}

export const mxOf = (domain: string): Destination => ({ kind: 'mx', key: `mx:${domain}`, domain });
export const literalOf = (address: string): Destination => ({
  kind: 'literal',
  key: `literal:${address}`,
  address,
});

export async function addresses(
  destination: Destination,
  ...args: Parameters<typeof context>
): Promise<string[]> {
  return (await resolveHops(destination, context(...args))).map(({ address }) => address);
}

export async function failure(
  destination: Destination,
  ...args: Parameters<typeof context>
): Promise<SmtpError> {
  return resolveHops(destination, context(...args)).then(
    () => expect.unreachable('resolved'),
    (error: SmtpError) => error,
  );
}

export const listener: MtaConfig['listeners'][number] = {
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
