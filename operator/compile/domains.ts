/** Domains: whose names they may have, and where their mail goes. */
import { reasons } from '../../crds/conditions.ts';
import type { MailDomainSpec } from '../../crds/mail-domain.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { parseQuantity } from '../../crds/units.ts';
import type { Domain } from '../../mta/config.ts';
import { type Attachment, domainNames } from './attach.ts';
import { contest, domainClaim } from './conflicts.ts';
import { buildMtaSts } from './mta-sts.ts';
import type { Resource } from './read.ts';
import { compare, type Report } from './report.ts';
import type { Secrets } from './secrets.ts';
import { buildTarget } from './targets.ts';
import type { TlsPolicies } from './tls-policies.ts';
import type { Environment } from './types.ts';
import type { Users } from './users.ts';

export interface Domains {
  readonly accepted: readonly Resource<MailDomainSpec>[];
  /** Sorted by name. */
  readonly config: readonly Domain[];
  /** Names and aliases of the accepted domains of one namespace, sorted. */
  ownedBy(namespace: string): readonly string[];
}

export interface DomainContext {
  readonly mta: Resource<MtaSpec>;
  readonly attached: Attachment;
  readonly policies: TlsPolicies;
  readonly held: ReadonlyMap<string, string>;
  readonly secrets: Secrets;
  readonly report: Report;
  readonly environment: Environment;
}

/** @param candidates those that were refused before among them: they get nothing, and keep their names from others */
export function buildDomains(
  candidates: readonly Resource<MailDomainSpec>[],
  context: DomainContext,
): Domains {
  const { attached, held, report } = context;
  const claimants = candidates.map((domain) => {
    const named = domainNames(domain, report);
    const names = named.filter(({ name }) => attached.mayHave(domain.ref.namespace, name));
    for (const { name, path } of named) {
      if (names.some((allowed) => allowed.name === name)) continue;
      report.refuse(
        domain.ref,
        reasons.DomainNotAllowed,
        `${path}: namespace ${domain.ref.namespace} was not given ${name}: ask who runs the MTA for an entry in its spec.attachment`,
        path,
      );
    }
    const config = report.isRefused(domain.ref)
      ? undefined
      : build(
          domain,
          names.map(({ name }) => name),
          context,
        );
    return { ...domain, names, config };
  });
  const accepted = contest(
    claimants,
    ({ names }) => names.map(({ name, path }) => ({ key: domainClaim(name), path })),
    held,
    report,
  );
  const owned = new Map<string, string[]>();
  for (const { ref, names } of accepted) {
    const own = owned.get(ref.namespace) ?? [];
    own.push(...names.map(({ name }) => name));
    owned.set(ref.namespace, own);
  }
  for (const own of owned.values()) own.sort();
  return {
    accepted,
    config: accepted
      .flatMap(({ config }) => config ?? [])
      .sort((one, other) => compare(one.domain, other.domain)),
    ownedBy: (namespace) => owned.get(namespace) ?? [],
  };
}

function build(
  domain: Resource<MailDomainSpec>,
  names: readonly string[],
  context: DomainContext,
): Domain | undefined {
  const { ref, id, spec } = domain;
  const target = buildTarget(domain, names, context);
  const mtaSts = buildMtaSts(domain, names, context);
  if (target === undefined) return undefined;
  const { mode, list, subaddressDelimiter } = spec.recipients;
  return {
    resource: id,
    domain: names[0]!,
    aliases: names.slice(1).toSorted(),
    target,
    trusted: ref.namespace === context.mta.ref.namespace,
    recipients: {
      mode: mode === 'List' ? 'list' : 'any',
      list: list.toSorted(),
      ...(subaddressDelimiter !== undefined && { subaddressDelimiter }),
    },
    ...(spec.limits.messageSize !== undefined && { messageSize: parseQuantity(spec.limits.messageSize) }),
    ...(mtaSts && { mtaSts }),
    ...(spec.tlsRpt !== undefined && { tlsRpt: buildTlsRpt(spec.tlsRpt) }),
  };
}

function buildTlsRpt({ receive, rua }: NonNullable<MailDomainSpec['tlsRpt']>): Domain['tlsRpt'] {
  return { ...(receive !== undefined && { mailbox: receive.localPart }), rua };
}

/** Domains whose mail is held, with users that there are: none of another tenant, who may have taken the name. */
export function withPickUpUsers(domains: Domains, users: Users, home: string): Domain[] {
  const refs = new Map(domains.accepted.map(({ id, ref }) => [id, ref]));
  return domains.config.map((domain) => {
    if (domain.target.type !== 'hold' || domain.target.users.length === 0) return domain;
    const ref = refs.get(domain.resource)!;
    const by = { ref, path: 'spec.target.hold.users', namespaces: [...new Set([ref.namespace, home])] };
    return { ...domain, target: { ...domain.target, users: users.named(domain.target.users, by) } };
  });
}
