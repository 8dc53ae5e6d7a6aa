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

// RFC 8460 §4.5: their four fields, with no other blanks
const tlsaPolicy = (domain: string, records: readonly TlsaRecord[]): AppliedPolicy => ({
  type: 'tlsa',
  domain: domain.toLowerCase(),
  strings: records
    .map(({ usage, selector, matchingType, data }) => `${usage} ${selector} ${matchingType} ${data}`)
    .sort(),
  mxHosts: [],
});

const known = new WeakMap<StsPolicy, AppliedPolicy>();

function policyOf(policy: StsPolicy, domain: string): AppliedPolicy {
  const before = known.get(policy);
  if (before?.domain === domain) return before;
  const { mode, maxAge, mx } = policy;
  const applied: AppliedPolicy = {
    ...{ type: 'sts', domain, mxHosts: mx },
    strings: [
      ...['version: STSv1', `mode: ${mode}`],
      ...mx.map((pattern) => `mx: ${pattern}`),
      `max_age: ${maxAge}`,
    ],
  };
  known.set(policy, applied);
  return applied;
}
