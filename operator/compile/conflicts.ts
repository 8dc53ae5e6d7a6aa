/**
 * The one rule of conflicts. Who is programmed keeps a name for as long as it claims it; of newcomers the older one
 * gets it (`creationTimestamp`, then namespace and name). A resource has all of its names or none.
 */
import { reasons } from '../../crds/conditions.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { byAge, type Resource } from './read.ts';
import type { Report } from './report.ts';

/** Something that one resource alone can have. */
export interface Claim {
  /** `domain example.test`: compared, and shown. */
  readonly key: string;
  readonly path: string;
}

export const domainClaim = (name: string): string => `domain ${name}`;
export const userClaim = (name: string): string => `user ${name.toLowerCase()}`;
export const destinationClaim = (pattern: string): string => `TLS destination ${pattern}`;
export function relayClaim(match: MtaConfig['relays'][number]['match']): string {
  const list = (name: string, items: readonly string[]) =>
    items.length === 0 ? [] : [`${name} ${items.toSorted().join(', ')}`];
  return `mail with ${[
    ...list('recipientDomains', match.recipientDomains),
    ...list('senderDomains', match.senderDomains),
    ...list('users', match.users),
  ].join(' and ')}`;
}

/** Who holds what in a config that is loaded: resource by claim. */
export function holders(config: MtaConfig | undefined): ReadonlyMap<string, string> {
  const held = new Map<string, string>();
  for (const { resource, domain, aliases } of config?.domains ?? []) {
    for (const name of [domain, ...aliases]) held.set(domainClaim(name), resource);
  }
  for (const { resource, username } of config?.users ?? []) held.set(userClaim(username), resource);
  for (const { resource, match } of config?.relays ?? []) held.set(relayClaim(match), resource);
  for (const { resource, destinations } of config?.tlsPolicies ?? []) {
    if (resource === undefined) continue;
    for (const pattern of destinations) held.set(destinationClaim(pattern), resource);
  }
  return held;
}

/** Those that get all that they claim, oldest first; the others are refused as Conflicted. */
export function contest<R extends Resource<unknown>>(
  candidates: readonly R[],
  claimsOf: (candidate: R) => readonly Claim[],
  held: ReadonlyMap<string, string>,
  report: Report,
): R[] {
  const claims = new Map(candidates.map((candidate) => [candidate.id, claimsOf(candidate)]));
  const still = (id: string, key: string) => claims.get(id)?.some((claim) => claim.key === key) ?? false;
  const trespasses = ({ id }: R) =>
    claims.get(id)!.some(({ key }) => {
      const holder = held.get(key);
      return holder !== undefined && holder !== id && still(holder, key);
    });
  const order = candidates.toSorted(
    (one, other) => Number(trespasses(one)) - Number(trespasses(other)) || byAge(one, other),
  );
  const winners = new Map<string, R>();
  const won = order.filter((candidate) => {
    const own = claims.get(candidate.id)!;
    const lost = own.filter(({ key }) => winners.has(key));
    for (const { key, path } of lost) {
      const winner = winners.get(key)!.id;
      report.refuse(
        candidate.ref,
        reasons.Conflicted,
        `${winner} has ${key} already: give it up here or there`,
        path,
      );
    }
    if (lost.length > 0) return false;
    for (const { key } of own) winners.set(key, candidate);
    return true;
  });
  return won.sort(byAge);
}
