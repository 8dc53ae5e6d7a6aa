/**
 * Results of TLS with other people's domains, as one process has counted them for one day (RFC 8460 §4.2): sessions that kept to the policy
 * that was applied, those that didn't, and why. Bounded: what a domain may make us remember is little, and so is the number of domains;
 * a session that finds no room is left out of reports, and counted as such. Pure.
 */
import { z } from 'zod';
import type { TlsFault } from '../deliver/tls-failure.ts';
import type { StsFault } from '../route/sts/failure.ts';
import { parsedJson } from '../small-files.ts';

/** RFC 8460 §4.3. */
export type ResultType = TlsFault | StsFault;

/** What a session was held against (RFC 8460 §4.4). */
export interface AppliedPolicy {
  readonly type: 'tlsa' | 'sts' | 'no-policy-found';
  /** The Policy Domain (§1.1): the recipients' domain, or, of TLSA records, the TLSA base domain. */
  readonly domain: string;
  /** As RFC 8460 §4.5 has them: a TLSA record, or a line of the MTA-STS policy, each. */
  readonly strings: readonly string[];
  /** Patterns of an MTA-STS policy. */
  readonly mxHosts: readonly string[];
}

export interface FailureDetail {
  readonly result: ResultType;
  readonly sendingIp?: string | undefined;
  readonly host?: string | undefined;
  readonly receivingIp?: string | undefined;
  readonly reason?: string | undefined;
}

/** One session, or attempt at one. */
export interface TlsResult {
  /** Whose reports it belongs to: the domain of the recipients, in A-labels and lower case. */
  readonly domain: string;
  readonly policy: AppliedPolicy;
  readonly failure?: FailureDetail | undefined;
}

export interface PolicyCounts {
  readonly policy: AppliedPolicy;
  succeeded: number;
  failed: number;
  /** Each `count` is part of `failed`. */
  readonly details: Map<string, { readonly detail: FailureDetail; count: number }>;
}

/** What there may be of each; the numbers are for memory and for readers, and no sender of mail comes near. */
export interface Bounds {
  readonly domains: number;
  readonly policies: number;
  readonly details: number;
}
const BOUNDS: Bounds = { domains: 10_000, policies: 16, details: 100 };

export class Tally {
  readonly #domains = new Map<string, Map<string, PolicyCounts>>();
  readonly #bounds: Bounds;
  /** Sessions that there was no room for. */
  uncounted = 0;

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  /** In the order of their names. */
  domains(): string[] {
    return [...this.#domains.keys()].sort();
  }

  /** In an order that is the same for the same counts. */
  policiesOf(domain: string): PolicyCounts[] {
    return sorted(this.#domains.get(domain) ?? new Map()).map(([, counts]) => counts);
  }

  add({ domain, policy, failure }: TlsResult): void {
    if (failure === undefined) this.count(domain, policy, 1, []);
    else this.count(domain, policy, 0, [{ detail: failure, count: 1 }]);
  }

  /** @param succeeded number of sessions, as each `count` is of those that failed */
  count(
    domain: string,
    policy: AppliedPolicy,
    succeeded: number,
    failures: Iterable<{ readonly detail: FailureDetail; readonly count: number }>,
  ): void {
    const counts = this.#counts(domain, policy);
    if (counts === undefined) {
      this.uncounted += succeeded;
      for (const failure of failures) this.uncounted += failure.count;
      return;
    }
    counts.succeeded += succeeded;
    for (const failure of failures) this.#fail(counts, failure.detail, failure.count);
  }

  /** For `take`: a first line, and one for each domain, so that there may be pauses in between. */
  *lines(): Generator<string> {
    yield JSON.stringify({ format: 1, uncounted: this.uncounted });
    for (const domain of this.domains()) {
      const policies = this.policiesOf(domain).map(({ policy, succeeded, details }) => ({
        ...{ policy, succeeded },
        details: sorted(details).map(([, each]) => each),
      }));
      yield JSON.stringify({ domain, policies });
    }
  }

  /** Adds what a line of another one says; false where it is none. */
  take(line: string): boolean {
    const { success, data } = storedLine.safeParse(parsedJson(line));
    if (!success) return false;
    if ('uncounted' in data) this.uncounted += data.uncounted;
    else
      for (const { policy, succeeded, details } of data.policies)
        this.count(data.domain, policy, succeeded, details);
    return true;
  }

  #counts(domain: string, policy: AppliedPolicy): PolicyCounts | undefined {
    let policies = this.#domains.get(domain);
    if (policies === undefined) {
      if (this.#domains.size >= this.#bounds.domains) return undefined;
      policies = new Map();
      this.#domains.set(domain, policies);
    }
    const key = keyOf(policy);
    const known = policies.get(key);
    if (known !== undefined || policies.size >= this.#bounds.policies) return known;
    const counts: PolicyCounts = { policy, succeeded: 0, failed: 0, details: new Map() };
    policies.set(key, counts);
    return counts;
  }

  /** Where there are too many kinds of failures, the rest are told by their result alone: the sums stay right. */
  #fail(counts: PolicyCounts, failure: FailureDetail, count: number): void {
    counts.failed += count;
    const { details } = counts;
    const key = detailKey(failure);
    const known = details.get(key);
    if (known !== undefined) known.count += count;
    else if (details.size < this.#bounds.details) details.set(key, { detail: failure, count });
    else {
      const detail = { result: failure.result };
      const rest = details.get(detailKey(detail));
      if (rest !== undefined) rest.count += count;
      else details.set(detailKey(detail), { detail, count });
    }
  }
}

const keys = new WeakMap<AppliedPolicy, string>();

/** Made once for each policy, which may be long, and not for each session. */
function keyOf(policy: AppliedPolicy): string {
  let key = keys.get(policy);
  if (key === undefined) {
    key = JSON.stringify([policy.type, policy.domain, policy.strings, policy.mxHosts]);
    keys.set(policy, key);
  }
  return key;
}

const detailKey = ({ result, host, receivingIp, sendingIp, reason }: FailureDetail): string =>
  JSON.stringify([result, host, receivingIp, sendingIp, reason]);

const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
  [...map].sort(([one], [other]) => (one < other ? -1 : 1));

const count = z.int().nonnegative();
const storedLine = z.union([
  z.strictObject({ format: z.literal(1), uncounted: count }),
  z.strictObject({
    domain: z.string(),
    policies: z.array(
      z.strictObject({
        policy: z.strictObject({
          type: z.enum(['tlsa', 'sts', 'no-policy-found']),
          domain: z.string(),
          strings: z.array(z.string()),
          mxHosts: z.array(z.string()),
        }),
        succeeded: count,
        details: z.array(
          z.strictObject({
            detail: z.strictObject({
              result: z.enum([
                'starttls-not-supported',
                'certificate-host-mismatch',
                'certificate-expired',
                'certificate-not-trusted',
                'validation-failure',
                'tlsa-invalid',
                'dnssec-invalid',
                'dane-required',
                'sts-policy-fetch-error',
                'sts-policy-invalid',
                'sts-webpki-invalid',
              ] satisfies ResultType[]),
              sendingIp: z.string().optional(),
              host: z.string().optional(),
              receivingIp: z.string().optional(),
              reason: z.string().optional(),
            }),
            count,
          }),
        ),
      }),
    ),
  }),
]);
