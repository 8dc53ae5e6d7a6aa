/** When reports of a day go, how long they are tried, and how long what they are made of is kept. Pure. */
import { createHash } from 'node:crypto';
import type { Random } from '../random.ts';
import { DAY_MS, type Reporter, startOf } from './report.ts';

/** After the end of a day, when each process has written what it counted: from then on pods pass it on, until `FIRST_MS`. */
export const POOLED_MS = 5 * 60_000;
/** After the end of a day: for the last counts to come in, and clocks that differ. */
export const FIRST_MS = 15 * 60_000;
/** Within which reports go out (RFC 8460 §4.1). */
export const SPREAD_MS = 4 * 3_600_000;
/** For which one is tried (§5.5). */
export const TRIED_MS = DAY_MS;
/** After the end of a day, all of it is removed. */
export const KEPT_MS = 3 * DAY_MS;
export const FIRST_PAUSE_MS = 5 * 60_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;

/**
 * By who reports on what, so that it is the same after a restart, and another one each day, and for each of those who report to the same
 * domain: the delay is there to keep these apart (RFC 8460 §4.1).
 */
export function dueAt(
  { hostname, source }: Pick<Reporter, 'hostname' | 'source'>,
  day: string,
  domain: string,
): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([hostname, source, day, domain]))
    .digest();
  return startOf(day) + DAY_MS + FIRST_MS + (digest.readUInt32BE() / 2 ** 32) * SPREAD_MS;
}

/** Ms to wait after so many attempts that came to nothing. */
export function pauseAfter(attempts: number, random: Random): number {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  return pause * (0.8 + 0.4 * random.fraction());
}
