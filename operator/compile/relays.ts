/** Relays: which mail they may take, in which order they are asked, and with which credentials they are used. */
import { reasons } from '../../crds/conditions.ts';
import type { MailRelaySpec } from '../../crds/mail-relay.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { parseDuration } from '../../crds/units.ts';
import type { Relay } from '../../mta/config.ts';
import { contest, relayClaim } from './conflicts.ts';
import type { Domains } from './domains.ts';
import { addressPattern, breadth, covers, domainOfAddress, domainPattern } from './names.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import { type Secrets, secretId } from './secrets.ts';
import type { TlsPolicies } from './tls-policies.ts';
import type { Users } from './users.ts';

type Match = Relay['match'];

export interface RelayContext {
  readonly mta: Resource<MtaSpec>;
  readonly domains: Domains;
  readonly users: Users;
  readonly policies: TlsPolicies;
  readonly held: ReadonlyMap<string, string>;
  readonly secrets: Secrets;
  readonly report: Report;
}

export interface Relays {
  readonly accepted: readonly Resource<MailRelaySpec>[];
  /** In the order in which they are asked. */
  readonly config: readonly Relay[];
}

export function buildRelays(candidates: readonly Resource<MailRelaySpec>[], context: RelayContext): Relays {
  const { held, report } = context;
  const valid = candidates.flatMap((relay) => {
    const match = matchOf(relay, context);
    checkRewrite(relay, context);
    if (report.isRefused(relay.ref)) return [];
    const config = build(relay, match, context);
    return report.isRefused(relay.ref) ? [] : [{ ...relay, config }];
  });
  const accepted = contest(
    valid,
    ({ config }) => [{ key: relayClaim(config.match), path: 'spec.match' }],
    held,
    report,
  );
  return {
    accepted,
    // Sorting is stable: of two alike the older one stays first.
    config: accepted.map(({ config }) => config).sort((one, other) => bySpecificity(one.match, other.match)),
  };
}

/**
 * Which of two relays is asked first: the one with the narrower recipient domains; then the one that names users;
 * then the one with the narrower sender domains. A list is as wide as its widest pattern; an empty one is wider than
 * any.
 */
export function bySpecificity(one: Match, other: Match): number {
  return (
    width(one.recipientDomains) - width(other.recipientDomains) ||
    Number(one.users.length === 0) - Number(other.users.length === 0) ||
    width(one.senderDomains) - width(other.senderDomains)
  );
}

const width = (patterns: readonly string[]): number =>
  patterns.length === 0 ? Number.MAX_SAFE_INTEGER : Math.max(...patterns.map(breadth));

/** The match, normalised; for a tenant, narrowed to mail of its own domains. */
function matchOf({ ref, spec }: Resource<MailRelaySpec>, context: RelayContext): Match {
  const { mta, domains, users, report } = context;
  const normal = (list: 'recipientDomains' | 'senderDomains') =>
    spec.match[list].flatMap((pattern, index) => {
      const path = `spec.match.${list}[${index}]`;
      const name = domainPattern(pattern);
      if (name === undefined)
        report.refuse(ref, reasons.Invalid, `${path}: ${pattern} is not a domain pattern`, path);
      return name === undefined ? [] : [name];
    });
  const recipientDomains = sorted(normal('recipientDomains'));
  const match = {
    // No list is every domain, and * says the same: one form, so that two alike are seen to be.
    recipientDomains: recipientDomains.includes('*') ? ['*'] : recipientDomains,
    senderDomains: sorted(normal('senderDomains')),
    users: users.named(spec.match.users, { ref, path: 'spec.match.users' }),
  };
  if (match.recipientDomains.length === 0) match.recipientDomains = ['*'];
  if (ref.namespace === mta.ref.namespace) return match;
  const own = domains.ownedBy(ref.namespace);
  spec.match.senderDomains.forEach((pattern, index) => {
    if (own.includes(domainPattern(pattern) ?? '')) return;
    const path = `spec.match.senderDomains[${index}]`;
    report.refuse(ref, reasons.DomainNotAllowed, foreign(path, pattern, ref.namespace), path);
  });
  if (own.length === 0) {
    report.refuse(
      ref,
      reasons.DomainNotAllowed,
      `A relay of namespace ${ref.namespace} is for mail from its own domains, and it has none in this fleet: make a MailDomain there first`,
      'spec.match',
    );
  }
  return match.senderDomains.length === 0 ? { ...match, senderDomains: [...own] } : match;
}

const foreign = (path: string, domain: string, namespace: string): string =>
  `${path}: ${domain} is not an accepted domain of namespace ${namespace}: a relay there is for mail of its own domains`;

const sorted = (items: readonly string[]): string[] => [...new Set(items)].sort();

function checkRewrite({ ref, spec }: Resource<MailRelaySpec>, { mta, domains, report }: RelayContext): void {
  const own = ref.namespace === mta.ref.namespace ? undefined : domains.ownedBy(ref.namespace);
  for (const list of ['envelopeFrom', 'headerFrom'] as const) {
    spec.rewrite[list].forEach(({ to }, index) => {
      const path = `spec.rewrite.${list}[${index}].to`;
      const address = addressPattern(to);
      if (address === undefined)
        report.refuse(ref, reasons.Invalid, `${path}: ${to} is not an address`, path);
      else if (own !== undefined && !own.some((name) => covers(name, domainOfAddress(address)))) {
        report.refuse(
          ref,
          reasons.DomainNotAllowed,
          foreign(path, domainOfAddress(address), ref.namespace),
          path,
        );
      }
    });
  }
}

function build({ ref, id, spec }: Resource<MailRelaySpec>, match: Match, context: RelayContext): Relay {
  const { mta, policies, secrets } = context;
  const tls = policies.named({
    resource: ref,
    ref: spec.tls.policyRef,
    path: 'spec.tls.policyRef',
    recipientDomains: match.recipientDomains,
  });
  const auth = credentials({ ref, spec }, secrets);
  const missing = spec.credentials !== undefined && auth === undefined;
  const rewrite = (rules: readonly { from: string; to: string }[]) =>
    rules.map(({ from, to }) => ({ from, to: addressPattern(to)! }));
  return {
    resource: id,
    name: `${ref.namespace}/${ref.name}`,
    match,
    hosts: spec.hosts.map(({ lookupMX, ...host }) => ({ ...host, lookupMx: lookupMX })),
    trusted: ref.namespace === mta.ref.namespace,
    implicitTls: spec.tls.implicit,
    ...(tls !== undefined && { tls }),
    ...(auth !== undefined && { auth }),
    rewrite: {
      envelopeFrom: rewrite(spec.rewrite.envelopeFrom),
      headerFrom: rewrite(spec.rewrite.headerFrom),
    },
    limits: {
      connections: spec.limits.connections,
      messagesPerConnection: spec.limits.messagesPerConnection,
      ...(spec.limits.rate && {
        rate: { messages: spec.limits.rate.messages, seconds: parseDuration(spec.limits.rate.per) },
      }),
    },
    ...(missing && { unavailable: 'its credentials are missing' }),
  };
}

function credentials(
  { ref, spec }: Pick<Resource<MailRelaySpec>, 'ref' | 'spec'>,
  secrets: Secrets,
): Relay['auth'] | undefined {
  if (spec.credentials === undefined) return undefined;
  const { secretRef, usernameKey, username } = spec.credentials;
  const use = { resource: ref, name: secretRef.name };
  const password = secrets.findPassword({
    ...use,
    key: secretRef.key,
    path: 'spec.credentials.secretRef',
    what: 'the password of the relay',
  });
  const user =
    username ??
    secrets.findPassword({
      ...use,
      key: usernameKey,
      path: 'spec.credentials.usernameKey',
      what: 'the user name at the relay',
    });
  if (password === undefined || user === undefined) return undefined;
  return {
    username: user,
    password: secrets.use(secretId(ref.namespace, secretRef.name, secretRef.key), password),
  };
}
