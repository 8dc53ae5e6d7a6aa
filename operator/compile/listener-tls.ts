/** TLS of a listener: where its certificates come from, whose clients it believes, and what is said where either is missing. */
import { reasons } from '../../crds/conditions.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { MOST_RECORDS } from '../../crds/status.ts';
import { parseDuration } from '../../crds/units.ts';
import type { Listener } from '../../mta/config.ts';
import { names } from '../objects/fleet.ts';
import { fallbackPair, pairOf, usePair } from './key-pairs.ts';
import type { KeyRollover, ShownPair } from './key-rollover.ts';
import { domainName, domainPattern } from './names.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import { type Secrets, secretId } from './secrets.ts';
import type { TlsPolicies } from './tls-policies.ts';
import type { Environment } from './types.ts';

type ListenerSpec = MtaSpec['listeners'][number];
type Tls = Listener['tls'];

interface Context {
  readonly mta: Resource<MtaSpec>;
  readonly policies: TlsPolicies;
  readonly secrets: Secrets;
  readonly rollover: KeyRollover;
  readonly report: Report;
}

const modes = { None: 'none', STARTTLS: 'starttls', Implicit: 'implicit' } as const;

/** Undefined after the reason was reported. */
export function buildListenerTls(
  listener: ListenerSpec,
  path: string,
  environment: Environment,
  context: Context,
): Tls | undefined {
  const { tls } = listener;
  const floor = context.policies.listeners.get(listener.name);
  const required = tls.required || (floor?.required ?? false);
  const own = oldestVersion({ ...tls, required });
  const minVersion = floor !== undefined && floor.minVersion > own ? floor.minVersion : own;
  const common = { mode: modes[tls.mode], required, minVersion };
  if (tls.mode === 'None') return common;
  const found = [
    findFirst(context, listener, path, environment),
    ...tls.additionalCertificateRefs.map(({ name }, index) =>
      findPair(context, name, `${path}.tls.additionalCertificateRefs[${index}]`),
    ),
  ];
  const clientAuth = buildClientAuth(context, tls.clientAuth, `${path}.tls.clientAuth`);
  const pairs = found.filter((pair) => pair !== undefined);
  if (pairs.length < found.length) return undefined;
  if (tls.clientAuth !== undefined && clientAuth === undefined) return undefined;
  const shown = showPairs(context, listener, path, pairs);
  const [first, ...more] = shown.map((pair) => usePair(context.secrets, pair));
  return {
    ...common,
    ...first,
    ...(more.length > 0 && { moreCertificates: more }),
    ...(clientAuth && { clientAuth }),
  };
}

/**
 * When all keys change, each name has the record of the next one beside its own. What is too much then is refused before: an MTA that is refused
 * while it waits would go on with its old certificate until that expires.
 */
const MOST_WANTED = MOST_RECORDS / 2;

/** All that there are, but where a key has to be published first. */
function showPairs(
  { mta, rollover, report }: Context,
  { name, hostname = mta.spec.hostname, tls: { dane } }: ListenerSpec,
  path: string,
  pairs: readonly ShownPair[],
): readonly ShownPair[] {
  if (dane === undefined) return pairs;
  const refuse = (at: string, problem: string) =>
    report.refuse(mta.ref, reasons.Invalid, `${at}: ${problem}`, at);
  const names = dane.names.flatMap((each, index) => {
    const known = domainName(each);
    if (known === undefined) refuse(`${path}.tls.dane.names[${index}]`, `${each} is not a domain name`);
    return known ?? [];
  });
  const host = domainName(hostname);
  // Said of the hostname itself.
  if (host === undefined || names.length < dane.names.length) return pairs;
  const leadMs = parseDuration(dane.lead) * 1000;
  const shown = rollover.choose({ name, hostname: host, names, leadMs }, pairs);
  const count = rollover.wantedCount;
  if (count > MOST_WANTED) {
    refuse(
      `${path}.tls.dane`,
      `the certificates have names for ${count} records, and there is room for ${MOST_WANTED} and those of the next keys, that is for ${MOST_WANTED} names where each has one certificate: say in names which of them MX records have`,
    );
  }
  return shown;
}

/** docs/decisions/0305-tls-of-listeners.md */
function oldestVersion({ profile, mode, required }: ListenerSpec['tls']): Tls['minVersion'] {
  const takesClearText = mode !== 'Implicit' && !required;
  return (profile ?? (takesClearText ? 'Intermediate' : 'Modern')) === 'Modern' ? 'TLSv1.3' : 'TLSv1.2';
}

function findFirst(
  context: Context,
  listener: ListenerSpec,
  path: string,
  { fallbackCertificate }: Environment,
): ShownPair | undefined {
  const { mta, secrets, report } = context;
  const { tls, name } = listener;
  const named = secretOf(mta, listener, fallbackCertificate !== undefined);
  if (named !== undefined) {
    if (named.isIssued && !secrets.has(mta.ref.namespace, named.name)) {
      report.unresolved(
        mta.ref,
        reasons.CertificateNotIssued,
        `${path}.tls.issuerRef: Certificate ${named.name} of listener ${name} has not been issued yet: \`kubectl describe certificate ${named.name}\` in namespace ${mta.ref.namespace} tells why`,
        `${path}.tls.issuerRef`,
      );
      return undefined;
    }
    return findPair(context, named.name, `${path}.tls.${named.field}`);
  }
  if (fallbackCertificate !== undefined) return fallbackPair(mta, fallbackCertificate);
  report.refuse(
    mta.ref,
    reasons.CertificateMissing,
    `${path}.tls: listener ${name} has mode ${tls.mode} and no certificate: name a Secret of type kubernetes.io/tls in tls.certificateRef, or an issuer of cert-manager in tls.issuerRef, or set tls.mode to None`,
    `${path}.tls`,
  );
  return undefined;
}

const findPair = ({ mta, secrets }: Context, name: string, path: string): ShownPair | undefined =>
  pairOf(secrets, { resource: mta.ref, name, path });

/** Undefined where it is not asked for, and after the reason was reported. */
function buildClientAuth(
  { mta, secrets, report }: Context,
  spec: ListenerSpec['tls']['clientAuth'],
  path: string,
): Tls['clientAuth'] {
  if (spec === undefined) return undefined;
  const { name, key } = spec.caRef;
  const use = { resource: mta.ref, name, key, path: `${path}.caRef` };
  const pem = secrets.findCertificates({ ...use, what: 'the authorities of clients, PEM' });
  const relayFrom = spec.relayFrom.map((pattern, index) => {
    const normalized = domainPattern(pattern);
    if (normalized === undefined) {
      const at = `${path}.relayFrom[${index}]`;
      report.refuse(mta.ref, reasons.Invalid, `${at}: ${pattern} is not a domain pattern`, at);
    }
    return normalized ?? '';
  });
  if (pem === undefined) return undefined;
  return {
    ca: secrets.use(secretId(mta.ref.namespace, name, key), pem),
    required: spec.mode === 'Require',
    relayFrom: relayFrom.toSorted(),
  };
}

/** Where nobody issues certificates there is one of our own. */
function secretOf({ ref }: Resource<MtaSpec>, { name, tls }: ListenerSpec, hasFallback: boolean) {
  const { certificateRef, issuerRef } = tls;
  if (certificateRef !== undefined) {
    return { name: certificateRef.name, field: 'certificateRef', isIssued: false };
  }
  return issuerRef === undefined || hasFallback
    ? undefined
    : { name: names.certificate(ref, name), field: 'issuerRef', isIssued: true };
}
