/** How much a next hop takes in one session, as it says itself (RFC 9422 §4): LIMITS in its answer to EHLO. Pure. */
import { domainOf } from '../envelope.ts';
import { normalizeDomain } from '../route/patterns.ts';

export interface SessionLimits {
  /** RCPTMAX: of one transaction. */
  readonly recipients: number;
  /** MAILMAX: of the session, those that are refused among them. */
  readonly transactions: number;
  /** RCPTDOMAINMAX: of recipients, in the session. */
  readonly domains: number;
}

const NONE = Number.POSITIVE_INFINITY;

/** What isn't said is without limit, and so is what makes no sense. */
export function limitsOf(extensions: ReadonlyMap<string, string>): SessionLimits {
  const said = new Map<string, number>();
  for (const text of (extensions.get('LIMITS') ?? '').split(' ')) {
    const [, name, value] = /^([A-Za-z0-9-]+)=([1-9]\d{0,5})$/.exec(text) ?? [];
    if (name !== undefined) said.set(name.toUpperCase(), Number(value));
  }
  return {
    recipients: said.get('RCPTMAX') ?? NONE,
    transactions: said.get('MAILMAX') ?? NONE,
    domains: said.get('RCPTDOMAINMAX') ?? NONE,
  };
}

export const recipientDomain = (address: string): string => normalizeDomain(domainOf(address) ?? '');

/**
 * Positions of those that the next transaction of a session may have, which had these domains before. Of a session that had none
 * there is always one.
 */
export function batchOf(
  addresses: readonly string[],
  { recipients, domains }: SessionLimits,
  had: ReadonlySet<string>,
): number[] {
  const all = new Set(had);
  const batch: number[] = [];
  for (const [position, address] of addresses.entries()) {
    if (batch.length >= recipients) break;
    if (domains !== NONE) {
      const domain = recipientDomain(address);
      if (!all.has(domain) && all.size >= domains) continue;
      all.add(domain);
    }
    batch.push(position);
  }
  return batch;
}
