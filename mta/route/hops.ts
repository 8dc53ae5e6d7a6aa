/**
 * The addresses to try for a destination, in order: looked up when an attempt is due, ordered as RFC 5321 §5.1 says,
 * checked against egress after resolution, each with the TLS policy and credentials that hold for it. Rejects with an
 * `SmtpError` when there is none, which says whether another attempt may find one, and who has to act.
 */
import { isIP } from 'node:net';
import type { Domain, MtaConfig, Relay, TlsPolicy, WebhookTarget } from '../config.ts';
import { SmtpError, smtpError } from '../errors.ts';
import type { Random } from '../random.ts';
import { type AddressFamily, type HostAddresses, lookupAddresses } from './addresses.ts';
import { type Endpoint, withDane } from './dane.ts';
import { compileEgress, type EgressCheck } from './egress.ts';
import type { Hosts } from './hosts.ts';
import { lookupMx, type MailHost, type MxRecords } from './mx.ts';
import { compileOurselves, type Ourselves } from './ourselves.ts';
import { normalizeDomain } from './patterns.ts';
import type { Resolver } from './resolver.ts';
import { stsOf } from './sts/applied.ts';
import type { StsPolicies } from './sts/policies.ts';
import type { StsPolicy } from './sts/policy.ts';
import { compileTlsPolicies, type TlsPolicies } from './tls-policy.ts';
import type { Dane, NextHop, OutwardDestination, Sts } from './types.ts';
import { webhookParts } from './webhook.ts';
import type { TlsWish } from './wish.ts';

/** What next hops are found with: made once per config by `compileHops`. */
export interface HopContext {
  readonly config: MtaConfig;
  readonly resolver: Resolver;
  readonly hosts: Hosts;
  readonly random: Random;
  readonly families: readonly AddressFamily[];
  readonly egress: EgressCheck;
  readonly ourselves: Ourselves;
  readonly policies: TlsPolicies;
  /** Of the message that they are looked up for. */
  readonly wish?: TlsWish;
  readonly sts: StsPolicies;
}

/** Addresses tried in one attempt. */
const ADDRESSES = 10;

export function compileHops(
  config: MtaConfig,
  deps: Pick<HopContext, 'resolver' | 'hosts' | 'random' | 'sts'> & { interfaces: readonly string[] },
): HopContext {
  return {
    config,
    resolver: deps.resolver,
    hosts: deps.hosts,
    random: deps.random,
    families: config.delivery.addressFamilies,
    egress: compileEgress(config.egress.allow),
    ourselves: compileOurselves(config, deps.interfaces),
    policies: compileTlsPolicies(config),
    sts: deps.sts,
  };
}

/** At least one next hop; rejects with an `SmtpError` from the catalogue otherwise. */
export function resolveHops(destination: OutwardDestination, context: HopContext): Promise<NextHop[]> {
  switch (destination.kind) {
    case 'mx':
      return mxHops(destination.domain, context, normalizeDomain(destination.domain));
    case 'literal':
      return literalHops(destination.address, context);
    case 'relay':
      return relayHops(destination.relay, context);
    case 'domain':
      return targetHops(destination.domain, context);
  }
}

/** @param mxOf the domain, where it is somebody else's */
async function mxHops(domain: string, context: HopContext, mxOf?: string): Promise<NextHop[]> {
  const { config, ourselves } = context;
  const port = config.delivery.mxPort;
  const mailHosts = await lookupMx(domain, context.resolver, context.random);
  const resolved = await Promise.all(
    mailHosts.map(async (mailHost) => ({
      ...mailHost,
      ...(await lookupAddresses(mailHost.host, { ...context, hosts: NO_HOSTS })),
    })),
  );
  if (mailHosts.length === 0) {
    throw smtpError('noMailHost', { detail: domain });
  }
  const usable = withoutOurselves(resolved, ourselves, port);
  if (usable.length === 0) {
    throw smtpError('mailLoopsBack', { detail: domain });
  }
  const addresses = reachable(usable, { trusted: false, configured: false, name: domain }, context);
  const tls = context.policies.forDomain(domain);
  // RFC 8460 §3: reports that reports cause would have no end, and they go by wish `optional`, whatever a policy makes of it.
  const reportedTo = context.wish === 'optional' ? undefined : mxOf;
  const sts = await stsOf(tls, domain, context, reportedTo !== undefined);
  const endpoints = addresses.map((each) => ({ ...each, port, ...sts(each.host) }));
  const hops = await withDane(endpoints, tls, context);
  return hops.map((each) => ({
    ...smtpHop(each, tls),
    ...(reportedTo !== undefined && { mxOf: reportedTo }),
  }));
}

// MX hosts are named by the world, so the host table is not asked for them.
const NO_HOSTS: Hosts = new Map();

/** RFC 5321 §5.1: where the list names us, only hosts that are preferred to us are left. */
function withoutOurselves<H extends MailHost & HostAddresses>(
  hosts: readonly H[],
  ourselves: Ourselves,
  port: number,
): H[] {
  const own = hosts
    .filter(
      ({ host, addresses }) =>
        ourselves.hostname(host) || addresses.some((address) => ourselves.endpoint(address, port)),
    )
    .map(({ preference }) => preference);
  const ours = Math.min(...own);
  return hosts.filter(({ preference }) => preference < ours);
}

async function literalHops(literal: string, context: HopContext): Promise<NextHop[]> {
  const { config, ourselves } = context;
  const address = /^\[(?:ipv6:)?(.*)\]$/i.exec(literal)?.[1] ?? '';
  if (isIP(address) === 0) {
    throw smtpError('badRecipient', { detail: literal });
  }
  const port = config.delivery.mxPort;
  if (ourselves.endpoint(address, port)) {
    throw smtpError('mailLoopsBack', { detail: literal });
  }
  const found = await lookupAddresses(address, context);
  const [checked] = reachable([found], { trusted: false, configured: false, name: literal }, context);
  const tls = context.policies.forDomain(literal);
  return (await withDane([{ ...checked!, port }], tls, context)).map((each) => smtpHop(each, tls));
}

async function relayHops(relay: Relay, context: HopContext): Promise<NextHop[]> {
  const { config } = context;
  if (relay.unavailable !== undefined) {
    throw smtpError('notConfigured', { detail: `${relay.resource}: ${relay.unavailable}` });
  }
  const auth = credentials(relay, config);
  const tls = context.policies.named(relay.tls);
  const endpoints = await Promise.all(
    weightedShuffle(relay.hosts, context.random).map(async ({ host, port, lookupMx }) => {
      const hosts = lookupMx ? await relayMx(host, context) : [{ host }];
      const sts = await stsOf(tls, host, lookupMx ? context : { sts: context.sts });
      return hosts.map((each) => ({ ...each, port, ...sts(each.host) }));
    }),
  );
  const addresses = await endpointAddresses(endpoints.flat(), tls, relay, context);
  return addresses.map((endpoint) => ({
    ...smtpHop(endpoint, tls),
    implicitTls: relay.implicitTls,
    ...(auth === undefined ? {} : { auth }),
    messagesPerConnection: relay.limits.messagesPerConnection,
  }));
}

async function targetHops(domain: Domain, context: HopContext): Promise<NextHop[]> {
  const { target } = domain;
  if (target.type === 'webhook') return webhookHops(domain, target, context);
  if (target.type === 'hold' && target.hosts.length === 0) return ownersHops(domain.domain, context);
  const tls = context.policies.named(target.tls);
  const addresses = await endpointAddresses(target.hosts, tls, domain, context);
  return addresses.map((endpoint) => ({
    ...smtpHop(endpoint, tls),
    protocol: target.type === 'lmtp' ? 'lmtp' : 'smtp',
    isOwnTarget: true,
  }));
}

/** Where none of the domain's MX hosts is its owner's, there is still ATRN: it never bounces mail. */
async function ownersHops(domain: string, context: HopContext): Promise<NextHop[]> {
  try {
    return await mxHops(domain, context);
  } catch (error) {
    if (error instanceof SmtpError && error.temporary) throw error;
    throw smtpError('heldForPickUp', { detail: (error as Error).message, cause: error });
  }
}

async function webhookHops(domain: Domain, target: WebhookTarget, context: HopContext): Promise<NextHop[]> {
  if (target.unavailable !== undefined) {
    throw smtpError('notConfigured', { detail: `${domain.resource}: ${target.unavailable}` });
  }
  const { host, port, ...parts } = webhookParts(target, context.config.secrets, context.policies);
  const addresses = await endpointAddresses([{ host, port }], parts.tls, domain, context);
  return addresses.map(({ address }) => ({
    ...{ host, address, port, protocol: 'webhook', ...parts, isOwnTarget: true },
  }));
}

/** A smart host that can't be found is a fault of config, which can be mended: it never bounces mail. */
async function relayMx(name: string, context: HopContext): Promise<MailHost[]> {
  try {
    return await lookupMx(name, context.resolver, context.random);
  } catch (error) {
    throw smtpError('hostNotFound', { detail: error instanceof Error ? error.message : name, cause: error });
  }
}

async function endpointAddresses(
  endpoints: readonly { host: string; port: number; namedBy?: MxRecords; sts?: Sts }[],
  tls: TlsPolicy,
  resource: { resource: string; trusted: boolean },
  context: HopContext,
): Promise<Reached[]> {
  const resolved = await Promise.all(
    endpoints.map(async (endpoint) => ({
      ...endpoint,
      ...(await lookupAddresses(endpoint.host, context)),
    })),
  );
  const addresses = reachable(
    resolved,
    { trusted: resource.trusted, configured: true, name: resource.resource },
    context,
  );
  const others = addresses.filter(({ address, port }) => !context.ourselves.endpoint(address, port));
  if (others.length === 0) {
    throw smtpError('mailLoopsBack', { detail: resource.resource });
  }
  return withDane(others, tls, context);
}

/** All addresses in order, as far as egress allows them; rejects when nothing is left, with the reason that counts. */
function reachable<H extends HostAddresses>(
  hosts: readonly H[],
  target: { trusted: boolean; configured: boolean; name: string },
  context: HopContext,
): (H & { address: string })[] {
  const all = hosts.flatMap((host) => host.addresses.map((address) => ({ ...host, address })));
  const allowed = all.filter(({ address }) => context.egress(address, target.trusted));
  if (allowed.length > 0) {
    return allowed.slice(0, ADDRESSES);
  }
  const failure = hosts.find((host) => host.failure !== undefined)?.failure;
  if (failure !== undefined) {
    throw smtpError('dnsTemporary', { detail: failure });
  }
  if (all.length > 0) {
    const refused = all.map(({ host, address }) => (host === address ? address : `${host}[${address}]`));
    throw smtpError('egressRefused', { detail: `${target.name}: ${refused.slice(0, 3).join(', ')}` });
  }
  const names = hosts.map(({ host }) => host).slice(0, 3);
  throw smtpError(target.configured ? 'hostNotFound' : 'noMailHost', {
    detail: `${target.name}: ${names.join(', ')}`,
  });
}

function credentials(relay: Relay, config: MtaConfig): NextHop['auth'] {
  if (relay.auth === undefined) {
    return undefined;
  }
  const password = config.secrets[relay.auth.password];
  if (password === undefined) {
    throw smtpError('notConfigured', { detail: `config has no secret ${relay.auth.password}` });
  }
  return { username: relay.auth.username, password };
}

/** Each host comes first with a probability by its weight, the rest follow in the same manner. */
function weightedShuffle<T extends { weight: number }>(hosts: readonly T[], random: Random): T[] {
  return hosts
    .map((host) => ({ host, key: -Math.log(1 - random.fraction()) / host.weight }))
    .sort((one, other) => one.key - other.key)
    .map(({ host }) => host);
}

/** An endpoint of which one address was chosen. */
interface Reached extends Endpoint {
  readonly address: string;
  readonly dane?: Dane;
  readonly sts?: Sts;
  readonly stsPolicy?: StsPolicy;
}

function smtpHop({ host, address, port, dane, sts, stsPolicy }: Reached, tls: TlsPolicy): NextHop {
  return {
    ...{ host, address, port, protocol: 'smtp', implicitTls: false, tls },
    ...(dane !== undefined && { dane }),
    ...(sts !== undefined && { sts }),
    ...(stsPolicy !== undefined && { stsPolicy }),
  };
}
