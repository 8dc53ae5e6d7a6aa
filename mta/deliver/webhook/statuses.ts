/**
 * What a status of HTTP means for mail. Those that bounce can only be meant of this message. What a proxy says as well,
 * or a server that is set up wrong, lets the mail wait: a mistake in a deployment must not bounce everybody's mail
 * (docs/decisions/0404-what-a-webhook-answers.md). Pure.
 */

export interface Verdict {
  readonly code: number;
  /** RFC 3463 */
  readonly enhanced: string;
  /** The whole endpoint is away: it is probed, as a host that doesn't answer is. */
  readonly down?: true;
}

interface Row extends Verdict {
  /** `410`, `502 to 504`, or `4xx`. */
  readonly statuses: string;
}

/** The first row that has it counts. The same table, row by row, is in docs/webhook.md. */
export const statusRows: readonly Row[] = [
  { statuses: '2xx', code: 250, enhanced: '2.0.0' },
  { statuses: '3xx', code: 451, enhanced: '4.3.5' },
  { statuses: '406', code: 550, enhanced: '5.7.1' },
  { statuses: '408', code: 451, enhanced: '4.4.2' },
  { statuses: '410', code: 550, enhanced: '5.1.1' },
  { statuses: '413', code: 552, enhanced: '5.3.4' },
  { statuses: '422', code: 554, enhanced: '5.6.0' },
  { statuses: '425', code: 451, enhanced: '4.3.0' },
  { statuses: '429', code: 421, enhanced: '4.3.2', down: true },
  { statuses: '451', code: 550, enhanced: '5.7.1' },
  { statuses: '4xx', code: 451, enhanced: '4.3.5' },
  { statuses: '502 to 504', code: 421, enhanced: '4.3.2', down: true },
  { statuses: '507', code: 451, enhanced: '4.3.1' },
  { statuses: '5xx', code: 451, enhanced: '4.3.0' },
];

/** Undefined for what is no status of an answer. */
export const verdictOf = (status: number): Verdict | undefined =>
  statusRows.find(({ statuses }) => has(statuses, status));

function has(statuses: string, status: number): boolean {
  const [first, last = first] = statuses.split(' to ') as [string, string?];
  return Number(first.replaceAll('x', '0')) <= status && status <= Number(last.replaceAll('x', '9'));
}

/** RFC 9110 §10.2.3: seconds, or a date. Undefined where there is none that can be read. @param now ms since the epoch */
export function retryAfterSeconds(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  // An IMF-fixdate: what else Date.parse takes for a time was not meant as one.
  const at = /^[A-Z][a-z]{2}, .* GMT$/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000));
}
