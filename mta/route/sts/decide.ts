/** What to do about a domain's policy when mail is about to go there (RFC 8461 §5.1, §3.3). Pure. */
import type { StsEntry } from './store.ts';

/** RFC 8461 §3.3 suggests a look once a day, whatever the TXT record says. */
export const REFRESH_MS = 86_400_000;
/** RFC 8461 §3.3: no sooner after a fetch that failed. */
export const PAUSE_MS = 300_000;
/** A policy from a future that is farther away than clocks differ was not written by a clock. */
const CLOCKS_DIFFER_MS = 86_400_000;

export interface Known {
  /** What is cached, whatever its age. */
  readonly entry: StsEntry | undefined;
  /** Of the TXT record; undefined where there is none that can be used. */
  readonly id: string | undefined;
  /** Ms since the epoch. */
  readonly now: number;
  /** A fetch has failed a moment ago. */
  readonly isPausing: boolean;
}

export interface Step {
  /** Whether what is cached counts, as far as is known now. */
  readonly applies: boolean;
  /** Whether to fetch: before mail goes, beside it, or not. */
  readonly fetch: 'first' | 'beside' | 'no';
}

export function decide({ entry, id, now, isPausing }: Known): Step {
  const applies = entry !== undefined && isCurrent(entry, now);
  if (isPausing) return { applies, fetch: 'no' };
  if (!applies) return { applies, fetch: id === undefined ? 'no' : 'first' };
  if (id !== undefined && id !== entry.id) return { applies, fetch: 'first' };
  return { applies, fetch: isDue(entry, now) ? 'beside' : 'no' };
}

export function isCurrent({ fetchedAt, policy }: StsEntry, now: number): boolean {
  return now <= fetchedAt + policy.maxAge * 1000 && fetchedAt <= now + CLOCKS_DIFFER_MS;
}

/** Long before it is over (RFC 8461 §10.2). */
export function isDue({ fetchedAt, policy }: StsEntry, now: number): boolean {
  return now - fetchedAt >= Math.min(REFRESH_MS, policy.maxAge * 500);
}
