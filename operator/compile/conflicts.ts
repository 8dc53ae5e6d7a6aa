/**
 * The one rule of conflicts. Who is programmed keeps a name for as long as it claims it; of newcomers the older one
 * gets it (`creationTimestamp`, then namespace and name). A resource has all of its names or none.
 *
 * What a resource that is refused claims goes to the next one of its own namespace. To another namespace it goes only
 * when it is withdrawn: a mistake, or a raised TLS floor, must not hand a tenant's mail to the next in line.
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

/**
 * Those that get all that they claim, oldest first; the others are refused as Conflicted. Candidates that were refused
 * before get nothing, and are in the way of other namespaces all the same.
 */
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
  const claimants = Map.groupBy(
    candidates
      .toSorted(byAge)
      .flatMap((candidate) => claims.get(candidate.id)!.map(({ key }) => ({ key, candidate }))),
    ({ key }) => key,
  );
  const aheadAbroad = (candidate: R, key: string): R | undefined => {
    const holder = held.get(key);
    if (holder === candidate.id) return undefined;
    for (const { candidate: other } of claimants.get(key)!) {
      if (other.id === candidate.id) break;
      if (other.ref.namespace !== candidate.ref.namespace) return other;
    }
    const programmed = claimants.get(key)!.find(({ candidate: { id } }) => id === holder)?.candidate;
    return programmed?.ref.namespace === candidate.ref.namespace ? undefined : programmed;
  };
  const winners = new Map<string, R>();
  const won = order.filter((candidate) => {
    if (report.isRefused(candidate.ref)) return false;
    const own = claims.get(candidate.id)!;
    const lost = own.flatMap(({ key, path }) => {
      const other = winners.get(key) ?? aheadAbroad(candidate, key);
      return other === undefined ? [] : [{ key, path, other: other.id, has: winners.has(key) }];
    });
    for (const { key, path, other, has } of lost) {
      report.refuse(
        candidate.ref,
        reasons.Conflicted,
        has
          ? `${other} has ${key} already: give it up here or there`
          : `${other} was first to claim ${key}, and keeps others out although it can't have it itself just now: give it up here or there`,
        path,
      );
    }
    if (lost.length > 0) return false;
    for (const { key } of own) winners.set(key, candidate);
    return true;
  });
  return won.sort(byAge);
}
