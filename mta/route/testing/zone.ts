/** A resolver over a handful of names, and next hops looked up with it, for tests of routing. */
import { expect } from 'vitest';
import type { MtaConfig } from '../../config.ts';
import type { SmtpError } from '../../errors.ts';
import { type Random, systemRandom } from '../../random.ts';
import type { DnsResult, LookupType, MxRecord, TlsaRecord } from '../dns-answer.ts';
import { compileHops, resolveHops } from '../hops.ts';
import { parseHosts } from '../hosts.ts';
import type { Resolver } from '../resolver.ts';
import type { StsPolicies } from '../sts/policies.ts';
import type { OutwardDestination } from '../types.ts';
import { testConfig } from './config.ts';

export interface Entry {
  readonly mx?: MxRecord[];
  readonly a?: string[];
  readonly aaaa?: string[];
  readonly txt?: string[];
  readonly tlsa?: TlsaRecord[];
  readonly cname?: string;
  readonly failed?: LookupType[];
  /** Signed, or its records of these types: where the resolver validates, it says so. */
  readonly secure?: boolean | readonly LookupType[];
}

export type Zone = Record<string, Entry>;

/** What a name has is found, what it lacks has no data, names that are not there don't exist. */
export function zoneResolver(zone: Zone, validates = false): Resolver {
  const lookup = async <T extends LookupType>(asked: string, type: T): Promise<DnsResult<T>> => {
    const entry = zone[asked];
    const name = asked.toLowerCase();
    if (entry?.failed?.includes(type)) {
      return { status: 'failed', reason: 'SERVFAIL' };
    }
    const { secure = false } = entry ?? {};
    const authenticated = validates && (typeof secure === 'boolean' ? secure : secure.includes(type));
    const { mx, a, aaaa, txt, tlsa, cname } = entry ?? {};
    if (cname !== undefined && type !== 'CNAME') {
      const end = await lookup(cname, type);
      return end.status === 'failed' ? end : { ...end, authenticated: authenticated && end.authenticated };
    }
    const all = {
      MX: mx,
      A: a,
      AAAA: aaaa,
      TXT: txt,
      TLSA: tlsa,
      CNAME: cname === undefined ? cname : [cname],
    };
    const records = all[type];
    return records === undefined
      ? { status: entry === undefined ? 'noDomain' : 'noData', ttl: 60, authenticated, name }
      : ({ status: 'found', records, ttl: 60, authenticated, name } as unknown as DnsResult<T>);
  };
  return { validates, lookup };
}

export const noShuffle: Random = { ...systemRandom, fraction: () => 0.999 };

const NO_POLICIES: StsPolicies = { policyOf: async () => undefined };

export function context(
  zone: Zone,
  change: Partial<MtaConfig> = {},
  random: Random = noShuffle,
  hosts = '',
  sts: StsPolicies = NO_POLICIES,
) {
  const config = testConfig(change);
  return compileHops(config, {
    resolver: zoneResolver(zone, config.resolver.validates),
    hosts: parseHosts(hosts),
    random,
    interfaces: ['203.0.113.9', '2001:db8::9'],
    sts,
  });
}

export const mxOf = (domain: string): OutwardDestination => ({ kind: 'mx', key: `mx:${domain}`, domain });
export const literalOf = (address: string): OutwardDestination => ({
  kind: 'literal',
  key: `literal:${address}`,
  address,
});

export async function addresses(
  destination: OutwardDestination,
  ...args: Parameters<typeof context>
): Promise<string[]> {
  return (await resolveHops(destination, context(...args))).map(({ address }) => address);
}

export async function failure(
  destination: OutwardDestination,
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
