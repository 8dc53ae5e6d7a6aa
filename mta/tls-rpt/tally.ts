/**
 * Results of TLS with other people's domains, as one process has counted them for one day (RFC 8460 §4.2): sessions that kept to the policy
 * that was applied, those that didn't, and why. Bounded, in number and in bytes: what a domain may make us remember is little, and so is what
 * all of them may; a session that finds no room is left out of reports, and counted as such. Pure.
 */
import { createHash } from 'node:crypto';
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
  /** Of one domain. */
  readonly policies: number;
  /** Of one policy. */
  readonly details: number;
  /** Of all lines together: what others publish is as long as they like. */
  readonly bytes: number;
  /** Of one domain's line, so that it takes many to fill all. */
  readonly domainBytes: number;
}
const BOUNDS: Bounds = {
  ...{ domains: 10_000, policies: 16, details: 100 },
  ...{ bytes: 16 << 20, domainBytes: 64 << 10 },
};
/** All lines of a tally are no longer. */
export const MOST_LINES_BYTES = BOUNDS.bytes;
/** What is kept of one policy, and of each of its strings in characters. */
const MOST_STRINGS = 32;
const MOST_MX_HOSTS = 64;
const LONGEST_STRING = 512;
/** What an entry costs beside its texts: more than its part of a line, and about what it takes in memory. */
const ENTRY_BYTES = 256;

interface DomainCounts {
  readonly policies: Map<string, PolicyCounts>;
  bytes: number;
}

export class Tally {
  readonly #domains = new Map<string, DomainCounts>();
  readonly #bounds: Bounds;
  /** The first line's, and all domains'. */
  #bytes = ENTRY_BYTES;
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
    return sorted(this.#domains.get(domain)?.policies ?? new Map()).map(([, counts]) => counts);
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
    const found = this.#counts(domain, policy);
    if (found === undefined) {
      this.uncounted += succeeded;
      for (const failure of failures) this.uncounted += failure.count;
      return;
    }
    found.counts.succeeded += succeeded;
    for (const failure of failures) this.#fail(found, failure.detail, failure.count);
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

  #counts(domain: string, policy: AppliedPolicy): Found | undefined {
    const known = this.#domains.get(domain);
    const key = keyOf(policy);
    const before = known?.policies.get(key);
    if (known !== undefined && before !== undefined) return { of: known, counts: before };
    if (known === undefined && this.#domains.size >= this.#bounds.domains) return undefined;
    const of = known ?? { policies: new Map(), bytes: 0 };
    if (of.policies.size >= this.#bounds.policies) return undefined;
    const kept = shortened(policy);
    // A domain without a policy is none, so both or neither.
    if (!this.#takes(of, known === undefined ? [domain, kept] : [kept])) return undefined;
    const counts: PolicyCounts = { policy: kept, succeeded: 0, failed: 0, details: new Map() };
    of.policies.set(key, counts);
    this.#domains.set(domain, of);
    return { of, counts };
  }

  /** Where there are too many kinds of failures, the rest are told by their result alone: the sums stay right. */
  #fail({ of, counts }: Found, failure: FailureDetail, count: number): void {
    const { details } = counts;
    const alone = { result: failure.result };
    const known = details.get(detailKey(failure));
    if (known !== undefined) known.count += count;
    else if (details.size < this.#bounds.details && this.#takes(of, [failure])) {
      details.set(detailKey(failure), { detail: structuredClone(failure), count });
    } else {
      const rest = details.get(detailKey(alone));
      if (rest !== undefined) rest.count += count;
      else if (this.#takes(of, [alone])) details.set(detailKey(alone), { detail: alone, count });
      else {
        this.uncounted += count;
        return;
      }
    }
    counts.failed += count;
  }

  /** Whether there is room for new entries, which is taken then. */
  #takes(of: DomainCounts, entries: readonly unknown[]): boolean {
    const bytes = entries.reduce(
      (sum: number, entry) => sum + ENTRY_BYTES + Buffer.byteLength(JSON.stringify(entry)),
      0,
    );
    if (of.bytes + bytes > this.#bounds.domainBytes || this.#bytes + bytes > this.#bounds.bytes) return false;
    of.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }
}

interface Found {
  readonly of: DomainCounts;
  readonly counts: PolicyCounts;
}

/** A copy, which keeps no longer text alive that parts of it were cut from. */
function shortened({ type, domain, strings, mxHosts }: AppliedPolicy): AppliedPolicy {
  const cut = (texts: readonly string[]) => texts.map((text) => text.slice(0, LONGEST_STRING));
  // The last line of an MTA-STS policy is not one of its hosts.
  const kept =
    strings.length > MOST_STRINGS ? [...strings.slice(0, MOST_STRINGS - 1), ...strings.slice(-1)] : strings;
  return structuredClone({
    ...{ type, domain },
    ...{ strings: cut(kept), mxHosts: cut(mxHosts.slice(0, MOST_MX_HOSTS)) },
  });
}

const keys = new WeakMap<AppliedPolicy, string>();

/** Made once for each policy, which may be long, and not for each session; the same for all that are kept as the same. */
function keyOf(policy: AppliedPolicy): string {
  let key = keys.get(policy);
  if (key === undefined) {
    const { type, domain, strings, mxHosts } = shortened(policy);
    const digest = createHash('sha256')
      .update(JSON.stringify([domain, strings, mxHosts]))
      .digest('base64');
    key = `${type} ${digest}`;
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
