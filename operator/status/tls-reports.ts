/**
 * What others report of TLS with a domain (RFC 8460), as the status of its MailDomain shows it: of the last seven days, in a few figures.
 * Statuses of thousands of resources are looked at again and again: each is shown anew only where it is another one, and not more often
 * than once in a while. Pure.
 */
import { isDeepStrictEqual } from 'node:util';

/** What a pod says: of `GET /v1/tls-reports` what is of use here. */
export interface ReportedTls {
  readonly domains: readonly {
    /** `MailDomain/mail/example`. */
    readonly resource: string;
    readonly successfulSessions: number;
    readonly failedSessions: number;
    /** ISO 8601. */
    readonly last: { readonly receivedAt: string };
    readonly failures: readonly {
      readonly resultType: string;
      readonly host?: string;
      readonly sessions: number;
    }[];
  }[];
}

/** As the status has it. */
export interface TlsReportStatus {
  /** RFC 3339. */
  readonly lastReceived: string;
  readonly window: typeof WINDOW;
  readonly successfulSessions: number;
  readonly failedSessions: number;
  /** By type and host, the most sessions first. */
  readonly failures: readonly {
    readonly resultType: string;
    readonly host?: string;
    readonly sessions: number;
  }[];
}

/** By resource. */
export type TlsReports = ReadonlyMap<string, TlsReportStatus>;

export interface ShownReports {
  readonly reports: TlsReports;
  /** When each of them was last made another, monotonic ms; of those that are gone, too. */
  readonly at: ReadonlyMap<string, number>;
}

const WINDOW = '7d';
const MOST_FAILURES = 10;
/** Least time between two changes of what one resource shows. */
const PAUSE_MS = 300_000;

/**
 * @param pods what each says: of their own volumes, which add up, or of one that all of them see, where what one says is enough
 */
export function tlsReportsOf(pods: readonly ReportedTls[]): Map<string, TlsReportStatus> {
  const all = Map.groupBy(
    pods.flatMap(({ domains }) => domains),
    ({ resource }) => resource,
  );
  return new Map([...all].map(([resource, parts]) => [resource, sumOf(parts)]));
}

function sumOf(parts: ReportedTls['domains']): TlsReportStatus {
  const failures = new Map<string, TlsReportStatus['failures'][number]>();
  for (const { resultType, host, sessions } of parts.flatMap((part) => part.failures)) {
    const key = `${resultType} ${host ?? ''}`;
    const before = failures.get(key)?.sessions ?? 0;
    failures.set(key, { resultType, ...(host !== undefined && { host }), sessions: before + sessions });
  }
  const sum = (of: (part: ReportedTls['domains'][number]) => number) =>
    parts.reduce((total, part) => total + of(part), 0);
  const received = parts.map(({ last }) => last.receivedAt).toSorted();
  return {
    // As the API server keeps times: without fractions of a second.
    lastReceived: received.at(-1)!.replace(/\.\d+Z$/, 'Z'),
    window: WINDOW,
    successfulSessions: sum(({ successfulSessions }) => successfulSessions),
    failedSessions: sum(({ failedSessions }) => failedSessions),
    failures: [...failures]
      .sort(([one, a], [other, b]) => b.sessions - a.sessions || (one < other ? -1 : 1))
      .slice(0, MOST_FAILURES)
      .map(([, failure]) => failure),
  };
}

/**
 * What is to be shown now: the same object for each resource as before where that stays, and the same map where all do.
 *
 * @param now monotonic ms
 */
export function reportsNext(before: ShownReports | undefined, seen: TlsReports, now: number): ShownReports {
  const reports = new Map<string, TlsReportStatus>();
  const at = new Map<string, number>();
  let isSame = before !== undefined;
  for (const resource of new Set([...(before?.reports.keys() ?? []), ...seen.keys()])) {
    const [old, next] = [before?.reports.get(resource), seen.get(resource)];
    const changedAt = before?.at.get(resource);
    const isDue = changedAt === undefined || now - changedAt >= PAUSE_MS;
    const isOther = isDue && !isDeepStrictEqual(old, next);
    const shown = isOther ? next : old;
    if (shown !== undefined) reports.set(resource, shown);
    if (isOther || changedAt !== undefined) at.set(resource, isOther ? now : changedAt!);
    isSame &&= !isOther;
  }
  return isSame ? before! : { reports, at };
}
