/** Which mail waits to be picked up, and who may ask for it (RFC 1985, RFC 2645). Pure. */
import { type BlockList, isIPv6 } from 'node:net';
import type { Domain, Hold, MtaConfig } from '../config.ts';
import type { Client } from '../listen/types.ts';
import { domainDestination } from '../route/destination.ts';
import { networkList } from '../route/egress.ts';
import { normalizeDomain } from '../route/patterns.ts';
import type { DestinationKey } from '../route/types.ts';

export interface HeldDomain {
  readonly key: DestinationKey;
  /** The domain and its aliases, normalised. */
  readonly names: readonly string[];
  readonly hold: Hold;
  /** Whether ETRN is for this client. */
  mayStart(client: Pick<Client, 'address' | 'user'>): boolean;
  /** Whether ATRN is for this user. */
  mayFetch(user: string | undefined): boolean;
}

/** By the key of their destination. */
export type HeldDomains = ReadonlyMap<DestinationKey, HeldDomain>;

export function compileHeld({ domains }: Pick<MtaConfig, 'domains'>): HeldDomains {
  return new Map(
    domains.flatMap((domain) => {
      const held = heldDomain(domain);
      return held === undefined ? [] : [[held.key, held]];
    }),
  );
}

function heldDomain(domain: Domain): HeldDomain | undefined {
  const { target } = domain;
  if (target.type !== 'hold') return undefined;
  const networks: BlockList = networkList(target.etrnFrom);
  const mayFetch = (user: string | undefined) => user !== undefined && target.users.includes(user);
  return {
    key: domainDestination(domain).key,
    names: [domain.domain, ...domain.aliases].map(normalizeDomain),
    hold: target,
    mayStart: ({ address, user }) =>
      mayFetch(user) || (address !== undefined && networks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')),
    mayFetch,
  };
}

/**
 * Those that ETRN's argument names: `example.test` the domain itself, `@example.test` whatever ends in it as well
 * (RFC 1985 §5.3).
 */
export function namedBy(node: string, held: HeldDomains): HeldDomain[] {
  const suffix = node.startsWith('@');
  const name = normalizeDomain(suffix ? node.slice(1) : node);
  const isNamed = (own: string) => own === name || (suffix && own.endsWith(`.${name}`));
  return [...held.values()].filter(({ names }) => names.some(isNamed));
}

/** When mail for a held domain goes back to its sender, in ms since the epoch. */
export function heldUntil({ hold }: HeldDomain, arrivedAt: number): number {
  return arrivedAt + hold.maxAgeSeconds * 1000;
}
