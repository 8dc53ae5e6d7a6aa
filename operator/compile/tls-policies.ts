/**
 * TLS policies: the built-in default, those of the fleet's namespace, which are its floor, and those of tenants, who
 * may tighten it for their own relays and domains and never loosen it.
 */
import { reasons } from '../../crds/conditions.ts';
import type { MailTlsPolicySpec } from '../../crds/mail-tls-policy.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import type { TlsPolicy } from '../../mta/config.ts';
import { type Claim, contest, destinationClaim } from './conflicts.ts';
import { type ListenerFloors, listenerFloors } from './listener-floors.ts';
import { domainPattern, overlap } from './names.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import { type Secrets, secretId } from './secrets.ts';
import type { ObjectRef } from './types.ts';

/** What holds where no policy says otherwise: STARTTLS where it is offered, clear text where it fails. */
const BUILT_IN: TlsPolicy = {
  name: 'default',
  mode: 'opportunistic',
  fallbackToClear: true,
  minVersion: 'TLSv1.2',
  destinations: [],
};

export interface TlsPolicies {
  /** What the listeners of the MTA have to ask for at the least. */
  readonly listeners: ListenerFloors;
  /** Name of the policy for whatever names none. */
  readonly defaultName: string;
  /**
   * The policy that a resource names, as its name in the config. For one that doesn't exist this is a stand-in that
   * defers mail, after it was reported; undefined after the policy was refused as too weak, or where none is named.
   */
  named(use: PolicyUse): string | undefined;
  /** All that belong into the config, stand-ins among them. */
  all(): readonly TlsPolicy[];
}

export interface PolicyUse {
  readonly resource: ObjectRef;
  readonly ref: { readonly name: string } | undefined;
  readonly path: string;
  /** Patterns of the recipient domains whose mail goes that way. */
  readonly recipientDomains: readonly string[];
  /** What holds where none is named, if it isn't the fleet's default. */
  readonly otherwise?: TlsPolicy;
  /** The only mode that a policy that is named may have. */
  readonly mode?: 'Verified';
}

export function decideTlsPolicies(
  mta: Resource<MtaSpec>,
  candidates: readonly Resource<MailTlsPolicySpec>[],
  held: ReadonlyMap<string, string>,
  secrets: Secrets,
  report: Report,
): TlsPolicies & { readonly accepted: readonly Resource<MailTlsPolicySpec>[] } {
  const valid = candidates.filter((policy) => isValid(policy, mta, report));
  const accepted = contest(valid, claims, held, report);
  const built = accepted.map((policy) => build(policy, secrets));
  if (!mta.spec.dns.validates) for (const policy of accepted) reportUntrusted(policy, mta, report);
  const byName = new Map(built.map((policy) => [policy.name, policy]));
  const own = accepted.filter(({ ref }) => ref.namespace === mta.ref.namespace);
  const floor = own.map((policy) => byName.get(nameOf(policy.ref))!);
  const listeners = listenerFloors(mta, own, report);
  const fallback = floor.find(({ destinations }) => destinations.includes('*')) ?? BUILT_IN;
  const missing = new Map<string, TlsPolicy>();

  return {
    accepted,
    listeners,
    defaultName: fallback.name,
    all: () => [
      BUILT_IN,
      ...built,
      ...[...missing.values()].sort((one, other) => (one.name < other.name ? -1 : 1)),
    ],
    named({ resource, ref, path, recipientDomains, otherwise = fallback, mode }) {
      const tenant = resource.namespace !== mta.ref.namespace;
      const floors = tenant
        ? [fallback, ...floor.filter(({ destinations }) => reaches(destinations, recipientDomains))]
        : [];
      if (ref === undefined) {
        refuseBelow(otherwise, floors, { resource, path, mode }, report);
        return undefined;
      }
      const name = nameOf({ ...resource, name: ref.name });
      const policy = byName.get(name);
      if (policy !== undefined && mode !== undefined && policy.mode !== policyModes[mode]) {
        report.refuse(
          resource,
          reasons.Invalid,
          `${path}: MailTLSPolicy ${ref.name} is not of mode ${mode}, as everything here is: name one that is, with caRef for authorities of your own`,
          path,
        );
        return undefined;
      }
      if (policy !== undefined)
        return refuseBelow(policy, floors, { resource, path, mode }, report) ? undefined : name;
      const reason = `there is no accepted MailTLSPolicy ${ref.name} in namespace ${resource.namespace}`;
      report.unresolved(
        resource,
        reasons.TLSPolicyNotFound,
        `${path}: ${reason}: make it and let it name this MTA; until then, mail that goes this way waits`,
        path,
      );
      missing.set(name, { ...BUILT_IN, name, mode: 'verified', fallbackToClear: false, unavailable: reason });
      return name;
    },
  };
}

/** It stays in the config: its mail waits, rather than leaving by a policy that asks for less. */
function reportUntrusted(
  { ref, spec }: Resource<MailTlsPolicySpec>,
  mta: Resource<MtaSpec>,
  report: Report,
): void {
  if (spec.mode !== 'DANE') return;
  report.unresolved(
    ref,
    reasons.ResolverNotTrusted,
    `spec.mode: DANE needs a resolver that is trusted to check DNSSEC, and ${mta.id} has none: run one beside the mta, and set dns.validates there; until then, mail that this policy is for waits`,
    'spec.mode',
  );
}

const nameOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}/${name}`;

function isValid(
  { ref, spec }: Resource<MailTlsPolicySpec>,
  mta: Resource<MtaSpec>,
  report: Report,
): boolean {
  if (ref.namespace !== mta.ref.namespace && spec.destinations.length > 0) {
    report.refuse(
      ref,
      reasons.DomainNotAllowed,
      `spec.destinations: only policies in the namespace of ${mta.id} may name destinations, as they are for everybody's mail: leave it empty, and name this policy in your MailRelay or MailDomain`,
      'spec.destinations',
    );
  }
  if (ref.namespace !== mta.ref.namespace && spec.listeners.length > 0) {
    report.refuse(
      ref,
      reasons.NotAllowedByMTA,
      `spec.listeners: only policies in the namespace of ${mta.id} may name its listeners, as these are everybody's: leave it empty`,
      'spec.listeners',
    );
  }
  spec.destinations.forEach((pattern, index) => {
    if (domainPattern(pattern) === undefined) {
      const path = `spec.destinations[${index}]`;
      report.refuse(ref, reasons.Invalid, `${path}: ${pattern} is not a domain pattern`, path);
    }
  });
  return !report.isRefused(ref);
}

const claims = ({ spec }: Resource<MailTlsPolicySpec>): Claim[] =>
  spec.destinations.map((pattern, index) => ({
    key: destinationClaim(domainPattern(pattern)!),
    path: `spec.destinations[${index}]`,
  }));

const policyModes = {
  None: 'none',
  Opportunistic: 'opportunistic',
  Required: 'required',
  Verified: 'verified',
  Pinned: 'pinned',
  DANE: 'dane',
  MTASTS: 'mtaSts',
  DANEOrMTASTS: 'daneOrMtaSts',
} as const;

function build({ ref, id, spec }: Resource<MailTlsPolicySpec>, secrets: Secrets): TlsPolicy {
  const mode = policyModes[spec.mode as keyof typeof policyModes];
  const base: TlsPolicy = {
    resource: id,
    name: nameOf(ref),
    mode,
    fallbackToClear: leavesAChoice(mode) && (spec.fallbackToClear ?? true),
    minVersion: spec.minVersion,
    ...(spec.requireTLS === 'Always' && { requireTls: true }),
    destinations: spec.destinations.map((pattern) => domainPattern(pattern)!).toSorted(),
  };
  if (spec.pins !== undefined) return { ...base, pins: spec.pins.toSorted() };
  if (spec.caRef === undefined) return base;
  const { name, key } = spec.caRef;
  const use = { resource: ref, name, key, path: 'spec.caRef', what: 'the authorities to trust, PEM' };
  const pem = secrets.findCertificates(use);
  if (pem !== undefined) return { ...base, ca: secrets.use(secretId(ref.namespace, name, key), pem) };
  return { ...base, unavailable: `${id} has no authorities to trust: see its status` };
}

const reaches = (destinations: readonly string[], recipientDomains: readonly string[]): boolean =>
  destinations.some((one) => recipientDomains.some((other) => overlap(one, other)));

/** `mtaSts` is opportunistic where a domain has no policy. */
const leavesAChoice = (mode: TlsPolicy['mode']): boolean => mode === 'opportunistic' || mode === 'mtaSts';

const strengths: readonly TlsPolicy['mode'][] = [
  ...(['none', 'opportunistic', 'required', 'verified', 'daneOrMtaSts', 'dane', 'pinned'] as const),
];

/** Clear text after a failed handshake is weaker than none; each mode is stronger than the one before. */
const strength = ({ mode, fallbackToClear }: TlsPolicy): number =>
  strengths.indexOf(mode === 'mtaSts' ? 'opportunistic' : mode) * 2 +
  (leavesAChoice(mode) && !fallbackToClear ? 1 : 0);

/** What a domain may enforce is asked for by no weaker mode than `verified`, and by `mtaSts` itself. */
const leastOf = (policy: TlsPolicy, floor: TlsPolicy): TlsPolicy =>
  floor.mode === 'mtaSts' && policy.mode !== 'mtaSts' ? { ...floor, mode: 'verified' } : floor;

const isBelow = (policy: TlsPolicy, floor: TlsPolicy): boolean =>
  strength(policy) < strength(leastOf(policy, floor)) ||
  (floor.mode !== 'none' && policy.minVersion < floor.minVersion) ||
  (floor.requireTls === true && policy.requireTls !== true);

function refuseBelow(
  policy: TlsPolicy,
  floors: readonly TlsPolicy[],
  { resource, path, mode }: Pick<PolicyUse, 'resource' | 'path' | 'mode'>,
  report: Report,
): boolean {
  const floor = floors.find((candidate) => isBelow(policy, candidate));
  if (floor === undefined) return false;
  const always = floor.requireTls === true ? ', with REQUIRETLS always' : '';
  const asked = `${floor.mode}, at least ${floor.minVersion}${always}`;
  report.refuse(
    resource,
    reasons.BelowTLSFloor,
    `${path}: ${policy.name} asks for less than ${floor.resource ?? 'the built-in default'} of the fleet (${asked}): ${mode === undefined ? '' : 'use https, and '}name a MailTLSPolicy that asks for as much`,
    path,
  );
  return true;
}
