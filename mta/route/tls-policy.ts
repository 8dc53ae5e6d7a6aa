/** Which TLS policy governs a next hop: by name for relays and targets, else by the recipient's domain. Pure. */
import type { MtaConfig, TlsPolicy } from '../config.ts';
import { smtpError } from '../errors.ts';
import { normalizeDomain, patternsFor } from './patterns.ts';

/** Both throw `notConfigured` for a policy that can't be used: going on without it could mean clear text. */
export interface TlsPolicies {
  /** The policy that a relay or a target names; the default where it names none. */
  named(name: string | undefined): TlsPolicy;
  /** The most specific policy for a recipient domain: exact, then longest wildcard, then `*`, then the default. */
  forDomain(domain: string): TlsPolicy;
}

export function compileTlsPolicies(config: MtaConfig): TlsPolicies {
  const byName = new Map(config.tlsPolicies.map((policy) => [policy.name, policy]));
  const byPattern = new Map<string, TlsPolicy>();
  for (const policy of config.tlsPolicies) {
    for (const pattern of policy.destinations.map(normalizeDomain)) {
      // Of two alike the first counts: compile has put the winner of a conflict first.
      if (!byPattern.has(pattern)) {
        byPattern.set(pattern, policy);
      }
    }
  }
  const named = (name: string): TlsPolicy => {
    const policy = byName.get(name);
    if (policy === undefined) {
      throw smtpError('notConfigured', { detail: `config has no TLS policy named ${name}` });
    }
    return available(policy);
  };
  return {
    named: (name) => named(name ?? config.delivery.defaultTls),
    forDomain(domain) {
      for (const pattern of patternsFor(domain)) {
        const policy = byPattern.get(pattern);
        if (policy !== undefined) {
          return available(policy);
        }
      }
      return named(config.delivery.defaultTls);
    },
  };
}

function available(policy: TlsPolicy): TlsPolicy {
  if (policy.unavailable !== undefined) {
    throw smtpError('notConfigured', { detail: `TLS policy ${policy.name}: ${policy.unavailable}` });
  }
  return policy;
}
