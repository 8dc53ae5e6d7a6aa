/** FUTURERELEASE (RFC 4865): mail that is held before it is sent, as its sender asks. Pure. */
import { smtpError } from '../errors.ts';

export interface HoldRequest {
  /** As reports tell it (RFC 4865 §5.1.2): `for;3600`, `until;2026-12-24T18:00:00Z`. */
  readonly request: string;
  /** Ms since the epoch. */
  readonly until: number;
}

/** RFC 4865 §3: 1 to 999999999. */
const SECONDS = /^[1-9]\d{0,8}$/;
/** A date-time of RFC 3339 in UTC. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/i;

/** Announced in EHLO. @param now ms since the epoch */
export function announcement(maxSeconds: number, now: number): string {
  const until = `${new Date(now + maxSeconds * 1000).toISOString().slice(0, 19)}Z`;
  return `FUTURERELEASE ${maxSeconds} ${until}`;
}

/**
 * What HOLDFOR or HOLDUNTIL asks for. Throws 501 5.5.4 where it is no such value, is past, or is further away than was
 * announced (RFC 4865 §4.2).
 */
export function holdRequest(
  keyword: 'HOLDFOR' | 'HOLDUNTIL',
  value = '',
  { maxSeconds, now }: { readonly maxSeconds: number; readonly now: number },
): HoldRequest {
  const isFor = keyword === 'HOLDFOR';
  const until = isFor
    ? now + (SECONDS.test(value) ? Number(value) : Number.NaN) * 1000
    : DATE_TIME.test(value)
      ? Date.parse(value.toUpperCase())
      : Number.NaN;
  if (Number.isNaN(until)) throw smtpError('badArguments', { detail: keyword });
  if (until <= now || until > now + maxSeconds * 1000) {
    throw smtpError('badArguments', {
      detail: `${keyword} is past, or more than ${maxSeconds} seconds away`,
    });
  }
  return { request: `${isFor ? 'for' : 'until'};${value}`, until };
}
