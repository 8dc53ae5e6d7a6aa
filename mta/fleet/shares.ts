/**
 * Who owns what of a budget, and who arbitrates it. Pure: every member that knows the same names comes to the same
 * answer, without asking anybody.
 */
import type { MemberName } from './types.ts';

/**
 * What `self` owns of `limit` tokens. The shares of all `names` add up to the limit; the tokens that don't divide evenly
 * go to those who come first for this budget. 0 for whom the names don't have.
 */
export function shareOf(limit: number, id: string, self: MemberName, names: readonly MemberName[]): number {
  if (!names.includes(self)) return 0;
  const even = Math.floor(limit / names.length);
  const own = weight(id, self);
  const before = names.filter((name) => comesBefore(weight(id, name), name, own, self)).length;
  return even + (before < limit - even * names.length ? 1 : 0);
}

/** The member that lends tokens of this budget from one to another: the first by rendezvous hashing. */
export function arbiterOf(id: string, names: readonly MemberName[]): MemberName | undefined {
  let first: MemberName | undefined;
  let most = 0;
  for (const name of names) {
    const own = weight(id, name);
    if (first === undefined || comesBefore(own, name, most, first)) {
      first = name;
      most = own;
    }
  }
  return first;
}

function comesBefore(weightOf: number, name: string, otherWeight: number, other: string): boolean {
  return weightOf === otherWeight ? name < other : weightOf > otherWeight;
}

/** FNV-1a of both, its bits mixed as MurmurHash3 ends: 32 bits that differ in all places for names that differ in one. */
function weight(id: string, name: MemberName): number {
  let hash = 0x811c9dc5;
  for (const text of [id, '\0', name]) {
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Divides `tokens` among those who want some: nobody gets more than it wants, and nobody gets less than another, unless it
 * wants less or there is one too few. Who then goes without is another one at each `turn`.
 */
export function divide(tokens: number, wants: readonly number[], turn: number): number[] {
  const given = wants.map(() => 0);
  let left = tokens;
  for (;;) {
    const hungry = wants.flatMap((want, index) => (want > given[index]! ? [index] : []));
    const each = Math.floor(left / hungry.length);
    if (hungry.length === 0 || each === 0) {
      for (let n = 0; n < Math.min(left, hungry.length); n += 1)
        given[hungry[(n + turn) % hungry.length]!]! += 1;
      return given;
    }
    for (const index of hungry) {
      const more = Math.min(each, wants[index]! - given[index]!);
      given[index]! += more;
      left -= more;
    }
  }
}
