/**
 * How many reports are kept, and of which domains and days: nobody proves who sent one, so that these bounds are all that keeps made-up
 * ones from pushing out true ones. Pure.
 */

/** A file of the store, by its name. */
export interface Named {
  readonly file: string;
  /** Since the epoch: that of the middle of the report's range. */
  readonly day: number;
  /** A digest. */
  readonly domain: string;
  readonly identity: string;
}

export type PutResult = 'kept' | 'duplicate' | 'tooMany';

/** Of reports whose range is longer ago nothing is kept. */
export const KEPT_DAYS = 30;
/** Reports come in the days after that which they are for: these are today and those before it. */
const RECENT_DAYS = 3;
const MOST_OF_A_RECENT_DAY = 200;
/** Of an earlier day, or of tomorrow. */
const MOST_OF_ANOTHER_DAY = 20;
/** Of all domains and days; who has less than its share of them may have more. */
const MOST = 5000;
/** What a sweep leaves: there is room for what is new until the next one. */
const LEFT = 4500;

/** Why a report is not to be put beside those that are there. */
export function refusalOf(
  { day, domain, identity }: Named,
  named: readonly Named[],
  today: number,
): Exclude<PutResult, 'kept'> | undefined {
  const ofDomain = named.filter((each) => each.domain === domain);
  if (ofDomain.some((each) => each.identity === identity)) return 'duplicate';
  const isRecent = day <= today && day > today - RECENT_DAYS;
  const mostOfDay = isRecent ? MOST_OF_A_RECENT_DAY : MOST_OF_ANOTHER_DAY;
  if (ofDomain.filter((each) => each.day === day).length >= mostOfDay) return 'tooMany';
  if (named.length < MOST) return undefined;
  const domains = new Set(named.map((each) => each.domain)).add(domain).size;
  return ofDomain.length >= MOST / domains ? 'tooMany' : undefined;
}

/** What a sweep removes: what is too old, and where there are still too many, of the domain with the most, of that one's fullest day. */
export function over(named: readonly Named[], today: number): Named[] {
  const removed = named.filter(({ day }) => day <= today - KEPT_DAYS);
  const domains = new Map<string, Map<number, Named[]>>();
  const counts = new Map<string, number>();
  for (const each of named) {
    if (each.day <= today - KEPT_DAYS) continue;
    const days = domains.get(each.domain) ?? new Map<number, Named[]>();
    const files = days.get(each.day) ?? [];
    files.push(each);
    domains.set(each.domain, days.set(each.day, files));
    counts.set(each.domain, (counts.get(each.domain) ?? 0) + 1);
  }
  const rest = named.length - removed.length;
  if (rest <= MOST) return removed;
  for (let left = rest; left > LEFT; left -= 1) {
    const [domain, count] = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one));
    const fullest = [...domains.get(domain)!].reduce((one, other) => (isFuller(other, one) ? other : one));
    removed.push(fullest[1].pop()!);
    counts.set(domain, count - 1);
  }
  return removed;
}

/** Of days that are as full as each other the oldest goes first. */
const isFuller = (
  [day, { length }]: readonly [number, Named[]],
  [otherDay, other]: readonly [number, Named[]],
): boolean => length > other.length || (length === other.length && day < otherDay);
