/** Whose `postmaster` without a domain is: the fleet's. Pure. */
import type { MtaConfig } from './config.ts';
import { domainOf, type Recipient } from './envelope.ts';

/**
 * The recipient with a domain. `postmaster` alone is ours (RFC 5321 §4.5.1): passed on as it came, it would be the
 * next hop's.
 */
export function withDomain(recipient: Recipient, { hostname, postmaster }: MtaConfig['fleet']): Recipient {
  if (domainOf(recipient.address) !== undefined) return recipient;
  const address = domainOf(postmaster) === undefined ? `${postmaster}@${hostname}` : postmaster;
  return { ...recipient, address };
}
