/** The report of one day to one domain (RFC 8460 §4.4), and what it is called. Pure. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { domainOf } from '../envelope.ts';
import type { FailureDetail, PolicyCounts } from './tally.ts';

/** Who reports. */
export interface Reporter {
  readonly organization: string;
  /** Address of somebody who answers for it: ASCII. */
  readonly contact: string;
  /** Name of the fleet, for ids. */
  readonly hostname: string;
  /** Tells reports of one day to one domain apart, where several processes send one: the same after a restart. */
  readonly source: string;
}

export interface Report {
  readonly domain: string;
  /** `2026-11-29`. */
  readonly day: string;
  /** Domain of `contact`: the submitter (§5.3). */
  readonly submitter: string;
  /** As a msg-id without brackets. */
  readonly id: string;
  /** §5.1, of the compressed one. */
  readonly filename: string;
  readonly json: string;
  /** §5.2 */
  readonly gzip: Buffer;
}

export const DAY_MS = 86_400_000;

/** The UTC day of a time, `2026-11-29`. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Ms since the epoch of its beginning; NaN for what is no day. */
export function startOf(day: string): number {
  const start = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  // The 31st of February is a day in March to some.
  return !Number.isNaN(start) && dayOf(start) === day ? start : Number.NaN;
}

/** The same for the same report, so that who gets it twice can tell (§5.3). */
export function reportKey({ source }: Pick<Reporter, 'source'>, day: string, domain: string): string {
  return createHash('sha256')
    .update(JSON.stringify([source, day, domain]))
    .digest('hex')
    .slice(0, 20);
}

export function buildReport(
  reporter: Reporter,
  day: string,
  domain: string,
  policies: readonly PolicyCounts[],
): Report {
  const { organization, contact, hostname } = reporter;
  const key = reportKey(reporter, day, domain);
  const id = `${day}.${key}@${hostname}`;
  const begin = startOf(day);
  const json = JSON.stringify({
    'organization-name': organization,
    'date-range': { 'start-datetime': `${day}T00:00:00Z`, 'end-datetime': `${day}T23:59:59Z` },
    'contact-info': contact,
    'report-id': id,
    policies: policies.map(policyOf),
  });
  const submitter = domainOf(contact) ?? hostname;
  const [from, to] = [begin / 1000, (begin + DAY_MS) / 1000 - 1];
  return {
    ...{ domain, day, submitter, id, json },
    filename: `${submitter}!${domain}!${from}!${to}!${key}.json.gz`,
    gzip: gzipSync(json),
  };
}

function policyOf({ policy, succeeded, failed, details }: PolicyCounts) {
  const { type, domain, strings, mxHosts } = policy;
  return {
    policy: {
      'policy-type': type,
      ...(strings.length > 0 && { 'policy-string': strings }),
      'policy-domain': domain,
      ...(mxHosts.length > 0 && { 'mx-host': mxHosts }),
    },
    summary: {
      'total-successful-session-count': succeeded,
      'total-failure-session-count': failed,
    },
    ...(details.size > 0 && { 'failure-details': [...details.values()].map(detailOf) }),
  };
}

function detailOf({ detail, count }: { detail: FailureDetail; count: number }) {
  const { result, sendingIp, host, receivingIp, reason } = detail;
  return {
    'result-type': result,
    ...(sendingIp !== undefined && { 'sending-mta-ip': sendingIp }),
    ...(host !== undefined && { 'receiving-mx-hostname': host }),
    ...(receivingIp !== undefined && { 'receiving-ip': receivingIp }),
    'failed-session-count': count,
    ...(reason !== undefined && { 'failure-reason-code': reason }),
  };
}
