/**
 * What DNSSEC says of who a host is (RFC 7672 §2.2): the TLSA records that its certificate has to match, that there are none
 * that count, or that nobody can say. Never rejects. What follows from it is the policy's (`deliver/demand.ts`).
 */
import { isIP } from 'node:net';
import type { TlsPolicy } from '../config.ts';
import type { HostAddresses } from './addresses.ts';
import type { MxRecords } from './mx.ts';
import { normalizeDomain } from './patterns.ts';
import type { Resolver } from './resolver.ts';
import type { Dane } from './types.ts';
import type { TlsWish } from './wish.ts';

export interface Endpoint extends HostAddresses {
  readonly port: number;
  readonly namedBy?: MxRecords;
}

type Tlsa = Dane['tlsa'];

/**
 * Whether a policy wants to know: mode `dane`, and, where the answer can be trusted, the opportunistic one (RFC 7672 §1), and that
 * which follows MTA-STS, so that DANE comes first (RFC 8461 §2); or a message, or all, that nobody may read (RFC 8689 §4.2.1).
 */
export const asksForDane = (
  { mode, requireTls }: TlsPolicy,
  { validates }: Resolver,
  wish?: TlsWish,
): boolean =>
  mode === 'dane' ||
  mode === 'daneOrMtaSts' ||
  ((mode === 'opportunistic' || mode === 'mtaSts') && validates) ||
  wish === 'required' ||
  requireTls === true;

/** Adds what is found of each, one lookup for all addresses of a host. */
export async function withDane<E extends Endpoint>(
  endpoints: readonly E[],
  tls: TlsPolicy,
  { resolver, wish }: { readonly resolver: Resolver; readonly wish?: TlsWish },
): Promise<(E & { readonly dane?: Dane })[]> {
  if (!asksForDane(tls, resolver, wish)) return [...endpoints];
  const found = new Map<string, Promise<Dane>>();
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const key = `${endpoint.host} ${endpoint.port}`;
      const dane = found.get(key) ?? lookupDane(endpoint, resolver);
      found.set(key, dane);
      return { ...endpoint, dane: await dane };
    }),
  );
}

export async function lookupDane(endpoint: Endpoint, resolver: Resolver): Promise<Dane> {
  const isNamedSecurely = endpoint.namedBy?.secure ?? true;
  return { isNamedSecurely, tlsa: await lookupTlsa(endpoint, resolver) };
}

async function lookupTlsa(endpoint: Endpoint, resolver: Resolver): Promise<Tlsa> {
  const { host, port } = endpoint;
  if (!resolver.validates) return none('no resolver is trusted to validate (dns.validates of the MTA)');
  const bases = await baseDomains(endpoint, resolver);
  if (!Array.isArray(bases)) return bases;
  for (const baseDomain of bases) {
    const name = `_${port}._tcp.${baseDomain}`;
    const answer = await resolver.lookup(name, 'TLSA');
    if (answer.status === 'failed') return failed(`TLSA of ${name}: ${answer.reason}`);
    if (answer.status === 'found' && answer.authenticated) {
      return {
        status: 'found',
        baseDomain,
        records: answer.records,
        references: references(baseDomain, endpoint),
      };
    }
  }
  return none(`${host} has no TLSA records that are signed`);
}

/**
 * RFC 7672 §2.2.2. Addresses come first: who has none that are signed is not asked for TLSA records, which servers of such zones
 * may not know what to do with.
 */
async function baseDomains({ host, dns }: Endpoint, resolver: Resolver): Promise<string[] | Tlsa> {
  if (dns === undefined) {
    return none(isIP(host) === 0 ? `${host} is in the host table` : 'an address has no TLSA records');
  }
  const initial = normalizeDomain(host);
  const isAlias = dns.name !== initial;
  if (dns.secure) return isAlias ? [dns.name, initial] : [initial];
  const unsigned = none(`the addresses of ${host} are not signed`);
  if (!isAlias) return unsigned;
  // RFC 7672 §2.1.3: an alias may be signed where what it leads to is not.
  const alias = await resolver.lookup(initial, 'CNAME');
  if (alias.status === 'failed') return failed(`CNAME of ${host}: ${alias.reason}`);
  return alias.status === 'found' && alias.authenticated ? [initial] : unsigned;
}

/** RFC 7672 §3.2.2. */
function references(baseDomain: string, { host, namedBy }: Endpoint): string[] {
  const others = namedBy === undefined ? [normalizeDomain(host)] : namedBy.secure ? namedBy.domains : [];
  return [...new Set([baseDomain, ...others])];
}

const none = (why: string): Tlsa => ({ status: 'none', why });
const failed = (why: string): Tlsa => ({ status: 'failed', why });
