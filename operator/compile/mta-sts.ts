/**
 * What a domain publishes by MTA-STS (RFC 8461): the policy, the certificate of its Policy Hosts, and who issues that. What keeps it from being published
 * is said of the domain, whose mail goes on as before. A policy that the fleet itself would break is published for testing alone.
 */
import { reasons } from '../../crds/conditions.ts';
import type { MailDomainSpec } from '../../crds/mail-domain.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { parseDuration } from '../../crds/units.ts';
import { type Domain, type PublishedPolicy, policyHost } from '../../mta/config.ts';
import { names as objectNames } from '../objects/fleet.ts';
import { fallbackPair, pairOf, usePair } from './key-pairs.ts';
import { domainName, domainPattern } from './names.ts';
import type { Resource } from './read.ts';
import { compare, type Report } from './report.ts';
import type { Secrets } from './secrets.ts';
import type { Environment } from './types.ts';

interface Context {
  readonly mta: Resource<MtaSpec>;
  readonly secrets: Secrets;
  readonly report: Report;
  readonly environment: Environment;
}

/** A certificate that is to be issued for the Policy Hosts of a domain. */
export interface PolicyCertificate {
  /** Of the Certificate and of its Secret. */
  readonly name: string;
  readonly dnsNames: readonly string[];
}

const PATH = 'spec.mtaSts';

/** Undefined where nothing is published: it isn't asked for, or can't be, for the reason that was reported. */
export function buildMtaSts(
  domain: Resource<MailDomainSpec>,
  names: readonly string[],
  context: Context,
): PublishedPolicy | undefined {
  const { mta, report } = context;
  const { mtaSts } = domain.spec;
  if (mtaSts === undefined) return undefined;
  if (mta.spec.web === undefined) {
    report.unresolved(
      domain.ref,
      reasons.NoWebPort,
      `${PATH}: MTA ${mta.id.slice('MTA/'.length)} has no web port, and nothing is published: ask who runs it to set spec.web`,
      PATH,
    );
    return undefined;
  }
  const mx = hostsOf(domain, context);
  const pair = findPair(domain, names, context);
  if (mx === undefined || pair === undefined) return undefined;
  return { policy: policyFile({ ...mtaSts, mode: modeOf(domain, mx, context), mx }), ...pair };
}

/** Those that cert-manager is to issue, where the MTA names an issuer. */
export function policyCertificates(
  { ref, spec }: Resource<MtaSpec>,
  accepted: readonly Resource<MailDomainSpec>[],
  domains: readonly Domain[],
): PolicyCertificate[] {
  if (spec.web?.issuerRef === undefined) return [];
  const wanting = new Set(
    accepted.flatMap(({ id, spec: { mtaSts } }) =>
      mtaSts !== undefined && mtaSts.certificateRef === undefined ? [id] : [],
    ),
  );
  return domains
    .filter(({ resource }) => wanting.has(resource))
    .map(({ domain, aliases }) => ({
      name: objectNames.policyCertificate(ref, domain),
      dnsNames: [domain, ...aliases].map(policyHost),
    }));
}

type Mode = NonNullable<MailDomainSpec['mtaSts']>['mode'];

/** RFC 8461 §3.2, with the line ends that it asks for. */
export function policyFile({
  mode,
  maxAge,
  mx,
}: {
  readonly mode: Mode;
  readonly maxAge: string;
  readonly mx: readonly string[];
}): string {
  const lines = [
    'version: STSv1',
    `mode: ${mode.toLowerCase()}`,
    ...mx.map((host) => `mx: ${host}`),
    `max_age: ${Math.floor(parseDuration(maxAge))}`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** Sorted; undefined after the reason was reported. */
function hostsOf(domain: Resource<MailDomainSpec>, { mta, report }: Context): readonly string[] | undefined {
  const { mx, mode } = domain.spec.mtaSts!;
  const hosts = mx.length === 0 ? smtpListeners(mta).map(({ host }) => host) : mx.map(domainPattern);
  const wrong = hosts.indexOf(undefined);
  if (wrong >= 0) {
    const path = `${PATH}.mx[${wrong}]`;
    const why = `${mx[wrong]} is not the name of a host, and nothing is published: correct it`;
    report.unresolved(domain.ref, reasons.NoPolicyHosts, `${path}: ${why}`, path);
    return undefined;
  }
  if (hosts.length === 0 && mode !== 'None') {
    const why =
      'the MTA has no listener of the role SMTP whose name could be meant, and nothing is published: name the hosts that take the mail';
    report.unresolved(domain.ref, reasons.NoPolicyHosts, `${PATH}.mx: ${why}`, `${PATH}.mx`);
    return undefined;
  }
  return [...new Set(hosts as string[])].sort(compare);
}

/** Listeners that the world sends to, under the name by which it knows them. */
const smtpListeners = ({ spec }: Resource<MtaSpec>) =>
  spec.listeners.flatMap((listener) => {
    const host = domainName(listener.hostname ?? spec.hostname);
    return listener.role === 'SMTP' && host !== undefined ? [{ ...listener, host }] : [];
  });

function findPair(
  { ref, spec }: Resource<MailDomainSpec>,
  names: readonly string[],
  { mta, secrets, report, environment }: Context,
): Pick<PublishedPolicy, 'certificate' | 'key'> | undefined {
  const { certificateRef } = spec.mtaSts!;
  const { fallbackCertificate } = environment;
  if (certificateRef === undefined && fallbackCertificate !== undefined) {
    return usePair(secrets, fallbackPair(mta, fallbackCertificate));
  }
  if (certificateRef === undefined && mta.spec.web?.issuerRef === undefined) {
    report.unresolved(
      ref,
      reasons.CertificateMissing,
      `${PATH}: there is no certificate for ${policyHost(names[0]!)}: name a Secret of type kubernetes.io/tls in certificateRef, or ask who runs the MTA for web.issuerRef`,
      PATH,
    );
    return undefined;
  }
  const { namespace, name, path } =
    certificateRef === undefined
      ? { namespace: mta.ref.namespace, name: objectNames.policyCertificate(mta.ref, names[0]!), path: PATH }
      : { namespace: ref.namespace, name: certificateRef.name, path: `${PATH}.certificateRef` };
  if (certificateRef === undefined && !secrets.has(namespace, name)) {
    report.unresolved(
      ref,
      reasons.CertificateNotIssued,
      `${path}: Certificate ${name} for ${policyHost(names[0]!)} has not been issued yet: \`kubectl describe certificate ${name}\` in namespace ${namespace} tells why`,
      path,
    );
    return undefined;
  }
  const pair = pairOf(secrets, { resource: ref, namespace, name, path });
  if (pair === undefined) return undefined;
  const without = names.map(policyHost).filter((host) => !secrets.isFor(namespace, name, host));
  if (without.length > 0) {
    report.unresolved(
      ref,
      reasons.CertificateMismatch,
      `${path}: the certificate in Secret ${name} is not for ${without.join(', ')}: nobody can fetch the policy there; have it issued for all of these names`,
      path,
    );
  }
  return usePair(secrets, pair);
}

/** The mode that is published: senders who keep to one that this fleet breaks would deliver nothing. */
function modeOf(domain: Resource<MailDomainSpec>, mx: readonly string[], context: Context): Mode {
  const { mode } = domain.spec.mtaSts!;
  if (mode !== 'Enforce') return mode;
  const broken = smtpListeners(context.mta)
    .filter(({ host }) => mx.some((pattern) => isFor(pattern, host)))
    .map((listener) => whyBroken(listener, context))
    .find((why) => why !== undefined);
  if (broken === undefined) return mode;
  context.report.unresolved(
    domain.ref,
    reasons.CertificateMismatch,
    `${PATH}.mode: the policy is published with mode testing, as ${broken}: who enforced it could deliver nothing there`,
    `${PATH}.mode`,
  );
  return 'Testing';
}

/** RFC 8461 §4.1: a wildcard stands for one label. */
const isFor = (pattern: string, host: string): boolean =>
  pattern.startsWith('*.') ? pattern.slice(1) === host.slice(host.indexOf('.')) : pattern === host;

function whyBroken(
  { name, host, tls }: ReturnType<typeof smtpListeners>[number],
  { mta, secrets, environment }: Context,
): string | undefined {
  if (tls.mode !== 'STARTTLS') return `listener ${name} has no STARTTLS`;
  const issued = tls.issuerRef === undefined ? [] : [objectNames.certificate(mta.ref, name)];
  const first = tls.certificateRef === undefined ? issued : [tls.certificateRef.name];
  // The local mode's own certificate is for this name, and nobody trusts it: a laptop is no mail host.
  if (environment.fallbackCertificate !== undefined && tls.certificateRef === undefined) return undefined;
  const shown = [...first, ...tls.additionalCertificateRefs.map((more) => more.name)];
  const isShown = shown.some((secret) => secrets.isFor(mta.ref.namespace, secret, host));
  return isShown ? undefined : `listener ${name} has no certificate for ${host}`;
}
