/**
 * What is kept of a report for one domain: the sums of all that it says of that, in bounded space, and nothing that could do harm where it
 * is shown. Pure.
 */
import { hash } from 'node:crypto';
import { sanitize } from '../../deliver/reply.ts';
import { normalizeDomain } from '../../route/patterns.ts';
import { type Failure, MOST_SESSIONS, type PolicyReport, type TlsReport } from './parse.ts';

/** Failures that are alike in all that is kept of them. */
export interface KeptFailure {
  readonly resultType: string;
  readonly host?: string;
  readonly reason?: string;
  readonly sessions: number;
}

export interface Entry {
  /** The policy domain, as config has it: a domain of ours, or an alias. */
  readonly domain: string;
  readonly organization: string;
  readonly reportId: string;
  /** By HTTPS nobody says who it is; a mail has no DKIM signature that was checked, yet. */
  readonly via: 'mail' | 'https';
  /** Ms since the epoch: of the range that it is for, and when it came. */
  readonly start: number;
  readonly end: number;
  readonly receivedAt: number;
  readonly successful: number;
  readonly failed: number;
  /** Those with the most sessions, these first; what they leave out is in `failed`. */
  readonly failures: readonly KeptFailure[];
}

/** RFC 8460 §4.3: "expected to grow over time". */
const RESULT_TYPE = /^[a-z][a-z0-9-]{0,49}$/;
const HOST = /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/;
const LONGEST_TEXT = 100;
/** Whoever adds reports up has those of all files in memory. */
const MOST_FAILURES = 5;

/** The policies of a report by their domains, in the form in which domains are compared. */
export function byDomain({ policies }: TlsReport): Map<string, PolicyReport[]> {
  const found = new Map<string, PolicyReport[]>();
  for (const policy of policies) {
    const domain = normalizeDomain(policy.domain);
    const before = found.get(domain);
    if (before === undefined) found.set(domain, [policy]);
    else before.push(policy);
  }
  return found;
}

export function entryOf(
  report: TlsReport,
  domain: string,
  policies: readonly PolicyReport[],
  { via, receivedAt }: Pick<Entry, 'via' | 'receivedAt'>,
): Entry {
  const sum = (of: (policy: PolicyReport) => number) =>
    Math.min(
      MOST_SESSIONS,
      policies.reduce((total, policy) => total + of(policy), 0),
    );
  return {
    ...{ domain, via, receivedAt, start: report.start, end: report.end },
    organization: sanitize(report.organization, LONGEST_TEXT),
    reportId: sanitize(report.id, LONGEST_TEXT),
    successful: sum(({ successful }) => successful),
    failed: sum(({ failed }) => failed),
    failures: alike(policies.flatMap(({ failures }) => failures)),
  };
}

export const DAY_MS = 86_400_000;

/**
 * What tells a report on a domain from all others (RFC 8460 §5.3): the same for one that comes again, by whichever way. Texts are those of
 * the report, whole: two that differ at their ends are two. The day is in it, as ids of reports to come can be guessed: one that is made up for
 * another day must not stand in the way of the true one.
 */
export function identityOf(
  report: Pick<TlsReport, 'organization' | 'id' | 'start' | 'end'>,
  domain: string,
): string {
  return hash('sha256', JSON.stringify([report.organization, report.id, domain, dayOf(middleOf(report))]));
}

/** Ms since the epoch of the middle of its range, which is within the day that it is for, wherever that is taken to end. */
export const middleOf = ({ start, end }: Pick<TlsReport, 'start' | 'end'>): number => (start + end) / 2;

/** Since the epoch. */
export const dayOf = (time: number): number => Math.floor(time / DAY_MS);

function alike(failures: readonly Failure[]): KeptFailure[] {
  const found = new Map<string, KeptFailure>();
  for (const { sessions, ...failure } of failures) {
    const shown = shownOf(failure);
    const key = JSON.stringify(shown);
    const before = found.get(key)?.sessions ?? 0;
    found.set(key, { ...shown, sessions: Math.min(MOST_SESSIONS, before + sessions) });
  }
  return [...found.values()].sort((one, other) => other.sessions - one.sessions).slice(0, MOST_FAILURES);
}

function shownOf({ resultType, host, reason }: Omit<Failure, 'sessions'>): Omit<KeptFailure, 'sessions'> {
  const type = resultType.toLowerCase();
  const name = host === undefined ? undefined : normalizeDomain(host);
  return {
    resultType: RESULT_TYPE.test(type) ? type : 'other',
    ...(name !== undefined && HOST.test(name) && { host: name }),
    ...(reason && { reason: sanitize(reason, LONGEST_TEXT) }),
  };
}
