/** What reports of the last days say of each of our domains, together: bounded, and the same in whatever order they came. Pure. */
import type { Entry } from './entry.ts';

/** Failures that are alike, of all reports. */
export interface FailureSum {
  readonly resultType: string;
  /** Of ours, as the sender knew it. */
  readonly host?: string;
  readonly reason?: string;
  readonly sessions: number;
  /** Who has met it, at most five. */
  readonly organizations: readonly string[];
  /** ISO 8601: the end of the latest range that it was in. */
  readonly lastAt: string;
}

export interface DomainSummary {
  readonly domain: string;
  readonly reports: number;
  readonly successfulSessions: number;
  readonly failedSessions: number;
  /** Failed sessions by result type, the most first; a session may have failed in more ways than one (RFC 8460 §4). */
  readonly resultTypes: Readonly<Record<string, number>>;
  /** Who reports, by the number of sessions. */
  readonly organizations: readonly string[];
  /** The one that came last. */
  readonly last: {
    readonly receivedAt: string;
    readonly organization: string;
    readonly start: string;
    readonly end: string;
  };
  /** The latest first. */
  readonly failures: readonly FailureSum[];
}

const MOST_TYPES = 20;
const MOST_ORGANIZATIONS = 20;
const MOST_FAILURES = 20;
const MOST_OF_A_FAILURE = 5;

/** @param domainOf the domain of ours by a policy domain; undefined where reports about that are no longer asked for */
export function summarize(
  entries: readonly Entry[],
  domainOf: (name: string) => string | undefined,
): DomainSummary[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const domain = domainOf(entry.domain);
    if (domain === undefined) continue;
    const group = groups.get(domain);
    if (group === undefined) groups.set(domain, [entry]);
    else group.push(entry);
  }
  return [...groups]
    .map(([domain, group]) => summaryOf(domain, group))
    .sort((one, other) => compare(one.domain, other.domain));
}

function summaryOf(domain: string, entries: readonly Entry[]): DomainSummary {
  const types = new Map<string, number>();
  const organizations = new Map<string, number>();
  for (const { organization, successful, failed, failures } of entries) {
    add(organizations, organization, successful + failed);
    for (const { resultType, sessions } of failures) add(types, resultType, sessions);
  }
  const last = entries.reduce((one, other) => (isLater(other, one) ? other : one));
  const sum = (of: (entry: Entry) => number) => entries.reduce((total, entry) => total + of(entry), 0);
  return {
    ...{ domain, reports: entries.length },
    successfulSessions: sum(({ successful }) => successful),
    failedSessions: sum(({ failed }) => failed),
    resultTypes: Object.fromEntries(most(types, MOST_TYPES)),
    organizations: most(organizations, MOST_ORGANIZATIONS).map(([name]) => name),
    last: {
      receivedAt: iso(last.receivedAt),
      organization: last.organization,
      ...{ start: iso(last.start), end: iso(last.end) },
    },
    failures: failuresOf(entries),
  };
}

function failuresOf(entries: readonly Entry[]): FailureSum[] {
  const found = new Map<
    string,
    Pick<FailureSum, 'resultType' | 'host' | 'reason'> & {
      sessions: number;
      end: number;
      organizations: Map<string, number>;
    }
  >();
  for (const { organization, end, failures } of entries) {
    for (const { sessions, ...what } of failures) {
      const key = JSON.stringify([what.resultType, what.host, what.reason]);
      const sum = found.get(key) ?? { ...what, sessions: 0, end: 0, organizations: new Map() };
      sum.sessions += sessions;
      sum.end = Math.max(sum.end, end);
      add(sum.organizations, organization, sessions);
      found.set(key, sum);
    }
  }
  return [...found]
    .sort(
      ([key, one], [otherKey, other]) =>
        other.end - one.end || other.sessions - one.sessions || compare(key, otherKey),
    )
    .slice(0, MOST_FAILURES)
    .map(([, { end, organizations, ...sum }]) => ({
      ...sum,
      organizations: most(organizations, MOST_OF_A_FAILURE).map(([name]) => name),
      lastAt: iso(end),
    }));
}

function add(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

const most = (counts: ReadonlyMap<string, number>, limit: number): [string, number][] =>
  [...counts].sort(([one, a], [other, b]) => b - a || compare(one, other)).slice(0, limit);

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

const isLater = (one: Entry, other: Entry): boolean =>
  one.receivedAt > other.receivedAt ||
  (one.receivedAt === other.receivedAt && compare(one.reportId, other.reportId) > 0);

const iso = (time: number): string => new Date(time).toISOString();
