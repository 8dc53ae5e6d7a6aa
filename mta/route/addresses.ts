/**
 * The addresses of one host, in the order in which they are to be tried. Never rejects: a host has addresses, has
 * none, or nobody could say.
 */
import { isIP } from 'node:net';
import type { Random } from '../random.ts';
import type { Hosts } from './hosts.ts';
import { normalizeDomain } from './patterns.ts';
import type { Resolver } from './resolver.ts';

export type AddressFamily = 'ipv4' | 'ipv6';

export interface HostAddresses {
  readonly host: string;
  readonly addresses: readonly string[];
  /** Why nothing is known of a family that was asked for; addresses of the other one may be there. */
  readonly failure: string | undefined;
  /** Of addresses from DNS: the name that has them, at the end of aliases, and whether all of that is secure. */
  readonly dns?: { readonly name: string; readonly secure: boolean };
}

/** Addresses of one host that are tried: its others would only keep a message from the next host. */
const ADDRESSES_PER_HOST = 4;

export async function lookupAddresses(
  host: string,
  sources: { resolver: Resolver; random: Random; families: readonly AddressFamily[]; hosts?: Hosts },
): Promise<HostAddresses> {
  const { families } = sources;
  const version = isIP(host);
  if (version !== 0) {
    const reachable = families.includes(version === 6 ? 'ipv6' : 'ipv4');
    return { host, addresses: reachable ? [host] : [], failure: undefined };
  }
  const local = sources.hosts?.get(normalizeDomain(host));
  if (local !== undefined) {
    const byFamily = families.map((family) =>
      local.filter((address) => isIP(address) === (family === 'ipv6' ? 6 : 4)),
    );
    return { host, addresses: interleave(byFamily), failure: undefined };
  }
  const answers = await Promise.all(
    families.map((family) => sources.resolver.lookup(host, family === 'ipv6' ? 'AAAA' : 'A')),
  );
  const positive = answers.filter((answer) => answer.status === 'found');
  const found = positive.map(({ records }) => shuffled(records, sources.random));
  const failed = answers.find((answer) => answer.status === 'failed');
  return {
    host,
    addresses: interleave(found).slice(0, ADDRESSES_PER_HOST),
    failure: failed?.status === 'failed' ? `${host}: ${failed.reason}` : undefined,
    ...(positive.length > 0 && {
      dns: { name: positive[0]!.name, secure: positive.every(({ authenticated }) => authenticated) },
    }),
  };
}

/**
 * One of each family in turn, so that a family without a route costs one try of two (RFC 3974 §3, RFC 5321 §5.2).
 */
export function interleave<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, row) =>
    lists.flatMap((list) => list.slice(row, row + 1)),
  ).flat();
}

/** Fisher–Yates. */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const result = [...list];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random.fraction() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
