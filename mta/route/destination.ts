/**
 * Which destination a recipient has, by config alone: our own domains (and their mailboxes for reports), then relays in the order of config, then the
 * address literal or the domain's MX. Pure and total: every address has a destination, and what can't be reached is
 * found out when its hosts are looked up (`hops.ts`).
 */
import type { Domain, MtaConfig, Relay } from '../config.ts';
import { domainOf, localPartOf } from '../envelope.ts';
import { reportMailbox } from '../tls-rpt/receive/asked.ts';
import { matchesAny, normalizeDomain } from './patterns.ts';
import type { Destination, DestinationKey } from './types.ts';

/** What of an envelope decides its way. */
export interface RouteContext {
  /** Reverse-path without brackets; empty is the null reverse-path. */
  readonly from: string;
  /** Who authenticated. */
  readonly user?: string | undefined;
}

export interface Routes {
  /** The destination of one recipient; the same instance, and the same key, for all that share it. */
  destinationFor(context: RouteContext, recipient: string): Destination;
  /** The destination of a stored key, or undefined where config no longer has its relay or domain. */
  destination(key: DestinationKey): Destination | undefined;
}

interface RelayRule {
  readonly destination: Destination;
  readonly recipientDomains: ReadonlySet<string>;
  readonly senderDomains: ReadonlySet<string>;
  readonly users: ReadonlySet<string>;
}

/** Destinations of other people's domains that are kept interned; the oldest go first. */
const INTERNED = 65_536;

export function compileRoutes(config: MtaConfig): Routes {
  const domains = new Map<string, (localPart: string) => Destination>();
  const byKey = new Map<DestinationKey, Destination>();
  for (const domain of config.domains) {
    const destination = domainDestination(domain);
    const reports: Destination = {
      ...{ kind: 'tlsRpt', key: `tls-rpt:${normalizeDomain(domain.domain)}`, domain },
    };
    const isForReports = reportMailbox(domain);
    byKey.set(destination.key, destination);
    if (isForReports !== undefined) byKey.set(reports.key, reports);
    for (const name of [domain.domain, ...domain.aliases]) {
      domains.set(normalizeDomain(name), (localPart) =>
        isForReports?.(localPart) === true ? reports : destination,
      );
    }
  }
  const rules = config.relays.map((relay) => {
    const rule = relayRule(relay);
    byKey.set(rule.destination.key, rule.destination);
    return rule;
  });
  const postmasterDomain = domainOf(config.fleet.postmaster) ?? config.fleet.hostname;
  const others = new Map<DestinationKey, Destination>();

  const elsewhere = (name: string): Destination => {
    const key = name.startsWith('[') ? `literal:${name}` : `mx:${name}`;
    let destination = others.get(key);
    if (destination === undefined) {
      destination = name.startsWith('[')
        ? { kind: 'literal', key, address: name }
        : { kind: 'mx', key, domain: name };
      if (others.size >= INTERNED) {
        others.delete(others.keys().next().value!);
      }
      others.set(key, destination);
    }
    return destination;
  };

  return {
    destinationFor(context, recipient) {
      // RFC 5321 §4.1.1.3: `postmaster` may come without a domain.
      const domain = normalizeDomain(domainOf(recipient) ?? postmasterDomain);
      const own = domains.get(domain);
      if (own !== undefined) return own(localPartOf(recipient));
      return relayFor(rules, context, domain) ?? elsewhere(domain);
    },
    destination(key) {
      const known = byKey.get(key);
      if (known !== undefined) {
        return known;
      }
      const colon = key.indexOf(':');
      const kind = key.slice(0, colon);
      return kind === 'mx' || kind === 'literal' ? elsewhere(key.slice(colon + 1)) : undefined;
    },
  };
}

/** Of a domain of ours. */
export function domainDestination(domain: Domain): Destination {
  return { kind: 'domain', key: `domain:${normalizeDomain(domain.domain)}`, domain };
}

function relayRule(relay: Relay): RelayRule {
  return {
    destination: { kind: 'relay', key: `relay:${relay.name}`, relay },
    recipientDomains: new Set(relay.match.recipientDomains.map(normalizeDomain)),
    senderDomains: new Set(relay.match.senderDomains.map(normalizeDomain)),
    users: new Set(relay.match.users),
  };
}

function relayFor(
  rules: readonly RelayRule[],
  context: RouteContext,
  domain: string,
): Destination | undefined {
  if (rules.length === 0) {
    return undefined;
  }
  const senderDomain = domainOf(context.from);
  const sender = senderDomain === undefined ? undefined : normalizeDomain(senderDomain);
  const rule = rules.find(
    (candidate) =>
      (candidate.users.size === 0 || (context.user !== undefined && candidate.users.has(context.user))) &&
      (candidate.recipientDomains.size === 0 || matchesAny(candidate.recipientDomains, domain)) &&
      (candidate.senderDomains.size === 0 ||
        (sender !== undefined && matchesAny(candidate.senderDomains, sender))),
  );
  return rule?.destination;
}
