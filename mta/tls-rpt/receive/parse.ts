/**
 * A report as RFC 8460 §4.4 has it: from the bytes of a JSON document to what is used of it, each part of it checked and bounded.
 * Members that aren't used may be anything, as may those that nobody has defined. Pure; throws a `ReportRefusal`.
 */
import { z } from 'zod';
import { parseJson } from './json.ts';
import { ReportRefusal } from './refusal.ts';

/** Of sessions, in one report: a thousand of them are still added up exactly. */
export const MOST_SESSIONS = 100_000_000_000;
const MOST_POLICIES = 1000;
/** Of one policy: one for each address, host and kind of failure. */
const MOST_FAILURES = 20_000;
/** A report is for a day (RFC 8460 §4.1); who sums up a month is understood. */
const LONGEST_RANGE_MS = 32 * 86_400_000;

/**
 * Octets. Names are in A-labels (RFC 8460 §4.4); to make them of anything else takes time that grows with the square of a
 * name's length: a domain is bounded, and a host, of which there may be thousands, is one in ASCII.
 */
const LONGEST_NAME = 255;
const HOST = /^[!-~]{1,255}$/;

const word = z.string().min(1).max(1000);
const domainName = word.refine((name) => Buffer.byteLength(name) <= LONGEST_NAME, {
  error: 'longer than a domain may be',
});
/** Some write no member that is 0. */
const sessions = z.int().min(0).max(MOST_SESSIONS).default(0);
const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const failureSchema = z.object({
  'result-type': word,
  'failed-session-count': sessions,
  'receiving-mx-hostname': z.string().max(1000).nullish(),
  'failure-reason-code': z.string().max(10_000).nullish(),
});

const policySchema = z.object({
  policy: z.object({ 'policy-type': word, 'policy-domain': domainName }),
  summary: z.object({ 'total-successful-session-count': sessions, 'total-failure-session-count': sessions }),
  'failure-details': z.array(failureSchema).max(MOST_FAILURES).nullish(),
});

const reportSchema = z.object({
  'organization-name': word,
  'report-id': word,
  'date-range': z
    .object({ 'start-datetime': instant, 'end-datetime': instant })
    .refine(
      ({ 'start-datetime': start, 'end-datetime': end }) => end >= start && end - start <= LONGEST_RANGE_MS,
      {
        error: 'it ends before it starts, or is of more than a month',
      },
    ),
  policies: z.array(policySchema).min(1).max(MOST_POLICIES),
});

export interface Failure {
  readonly resultType: string;
  /** Undefined where there is none, or nothing that is the name of a host. */
  readonly host: string | undefined;
  readonly reason: string | undefined;
  readonly sessions: number;
}

export interface PolicyReport {
  /** As it was written. */
  readonly domain: string;
  readonly successful: number;
  readonly failed: number;
  readonly failures: readonly Failure[];
}

/** Texts are a stranger's, and of up to thousands of characters. */
export interface TlsReport {
  readonly organization: string;
  readonly id: string;
  /** Ms since the epoch. */
  readonly start: number;
  readonly end: number;
  /** One at least; several may be of one domain (RFC 8460 §4). */
  readonly policies: readonly PolicyReport[];
}

export function parseReport(bytes: Buffer): TlsReport {
  const { success, data, error } = reportSchema.safeParse(parseJson(bytes));
  if (!success) {
    const [{ path, message }] = error.issues as [z.core.$ZodIssue];
    throw new ReportRefusal('invalid', `it is not a report: ${path.join('.') || 'document'}: ${message}`);
  }
  return {
    organization: data['organization-name'],
    id: data['report-id'],
    start: data['date-range']['start-datetime'],
    end: data['date-range']['end-datetime'],
    policies: data.policies.map(({ policy, summary, 'failure-details': details }) => ({
      domain: policy['policy-domain'],
      successful: summary['total-successful-session-count'],
      failed: summary['total-failure-session-count'],
      failures: (details ?? []).map((detail) => ({
        resultType: detail['result-type'],
        host: hostOf(detail['receiving-mx-hostname'] ?? ''),
        reason: detail['failure-reason-code'] ?? undefined,
        sessions: detail['failed-session-count'],
      })),
    })),
  };
}

const hostOf = (name: string): string | undefined => (HOST.test(name) ? name : undefined);
