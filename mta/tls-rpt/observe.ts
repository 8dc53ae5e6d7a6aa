/** What a session with a host counts as in reports, and so does a fetch of an MTA-STS policy that failed (RFC 8460 §4). Pure. */
import type { Demand } from '../deliver/demand.ts';
import { isByDane, type TlsSession } from '../deliver/tls-session.ts';
import type { TlsaRecord } from '../route/dns-answer.ts';
import type { EgressCheck } from '../route/egress.ts';
import type { FetchEvent } from '../route/sts/policies.ts';
import type { StsPolicy } from '../route/sts/policy.ts';
import type { NextHop } from '../route/types.ts';
import type { AppliedPolicy, TlsResult } from './tally.ts';

/**
 * Undefined for what is no domain's business: hosts that config names, mail that goes without regard to policies, such as reports themselves
 * (`mxOf` says both), and TLS that our own policy does without.
 *
 * @param egress our own address is told where it means something to others
 */
export function resultOf(
  { hop, demand, failure, from }: TlsSession,
  egress: EgressCheck,
): TlsResult | undefined {
  const { mxOf, host, address } = hop;
  if (mxOf === undefined || demand.asks === 'clearText') return undefined;
  const policy = appliedPolicy(hop, mxOf, demand);
  if (failure === undefined) return { domain: mxOf, policy };
  const sendingIp = from !== undefined && egress(from, false) ? from : undefined;
  const reason = reasonOf(failure.why);
  return {
    ...{ domain: mxOf, policy },
    failure: { result: failure.fault, sendingIp, host, receivingIp: address, reason },
  };
}

/**
 * The policy is not known then, or is one from before, which sessions are held against as well.
 *
 * @returns undefined where none failed, and where it wasn't for mail that counts
 */
export function fetchFailure({ domain, result, why, isReported }: FetchEvent): TlsResult | undefined {
  if (result === 'ok' || !isReported) return undefined;
  const policy: AppliedPolicy = { type: 'sts', domain, strings: [], mxHosts: [] };
  return { domain, policy, failure: { result, reason: reasonOf(why ?? result) } };
}

const LONGEST_REASON = 200;

const reasonOf = (why: string): string => why.slice(0, LONGEST_REASON).trimEnd();

function appliedPolicy(hop: NextHop, mxOf: string, demand: Demand): AppliedPolicy {
  const { dane, host, stsPolicy } = hop;
  if (dane !== undefined && isByDane(hop, demand)) {
    return dane.tlsa.status === 'found'
      ? tlsaPolicy(dane.tlsa.baseDomain, dane.tlsa.records)
      : tlsaPolicy(host, []);
  }
  return stsPolicy === undefined ? noPolicy(mxOf) : policyOf(stsPolicy, mxOf);
}

const noPolicy = (domain: string): AppliedPolicy => ({
  type: 'no-policy-found',
  domain,
  strings: [],
  mxHosts: [],
});

/** Made once for what was found, and not for each session, as the tally knows it by the object. */
const made = new WeakMap<readonly TlsaRecord[] | StsPolicy, AppliedPolicy>();

function onceOf(
  found: readonly TlsaRecord[] | StsPolicy,
  domain: string,
  make: () => Omit<AppliedPolicy, 'domain'>,
): AppliedPolicy {
  const before = made.get(found);
  if (before?.domain === domain) return before;
  const applied = { domain, ...make() };
  made.set(found, applied);
  return applied;
}

// RFC 8460 §4.5: their four fields, with no other blanks
const tlsaPolicy = (domain: string, records: readonly TlsaRecord[]): AppliedPolicy =>
  onceOf(records, domain.toLowerCase(), () => ({
    type: 'tlsa',
    strings: records
      .map(({ usage, selector, matchingType, data }) => `${usage} ${selector} ${matchingType} ${data}`)
      .sort(),
    mxHosts: [],
  }));

const policyOf = (policy: StsPolicy, domain: string): AppliedPolicy =>
  onceOf(policy, domain, () => {
    const { mode, maxAge, mx } = policy;
    const patterns = mx.map((pattern) => `mx: ${pattern}`);
    const strings = ['version: STSv1', `mode: ${mode}`, ...patterns, `max_age: ${maxAge}`];
    return { type: 'sts', strings, mxHosts: mx };
  });
