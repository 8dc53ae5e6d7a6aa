/** TLS of a listener: where its certificates come from, whose clients it believes, and what is said where either is missing. */
import { reasons } from '../../crds/conditions.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import type { Listener } from '../../mta/config.ts';
import { names } from '../objects/fleet.ts';
import { domainPattern } from './names.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import { type Secrets, secretId } from './secrets.ts';
import type { Environment } from './types.ts';

type ListenerSpec = MtaSpec['listeners'][number];
type Tls = Listener['tls'];
type Pair = { readonly certificate: string; readonly key: string };

interface Context {
  readonly mta: Resource<MtaSpec>;
  readonly secrets: Secrets;
  readonly report: Report;
}

const modes = { None: 'none', STARTTLS: 'starttls', Implicit: 'implicit' } as const;

/** Undefined after the reason was reported. */
export function buildListenerTls(
  mta: Resource<MtaSpec>,
  listener: ListenerSpec,
  path: string,
  environment: Environment,
  secrets: Secrets,
  report: Report,
): Tls | undefined {
  const { tls } = listener;
  const common = { mode: modes[tls.mode], required: tls.required, minVersion: oldestVersion(tls) };
  if (tls.mode === 'None') return common;
  const context = { mta, secrets, report };
  const first = buildFirst(context, listener, path, environment);
  const more = tls.additionalCertificateRefs.map(({ name }, index) =>
    findPair(context, name, `${path}.tls.additionalCertificateRefs[${index}]`),
  );
  const clientAuth = buildClientAuth(context, tls.clientAuth, `${path}.tls.clientAuth`);
  if (first === undefined || more.includes(undefined)) return undefined;
  if (tls.clientAuth !== undefined && clientAuth === undefined) return undefined;
  return {
    ...common,
    ...first,
    ...(more.length > 0 && { moreCertificates: more as Pair[] }),
    ...(clientAuth && { clientAuth }),
  };
}

/** docs/decisions/0305-tls-of-listeners.md */
function oldestVersion({ profile, mode, required }: ListenerSpec['tls']): Tls['minVersion'] {
  const takesClearText = mode !== 'Implicit' && !required;
  return (profile ?? (takesClearText ? 'Intermediate' : 'Modern')) === 'Modern' ? 'TLSv1.3' : 'TLSv1.2';
}

function buildFirst(
  context: Context,
  listener: ListenerSpec,
  path: string,
  { fallbackCertificate }: Environment,
): Pair | undefined {
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
  if (fallbackCertificate !== undefined) {
    return {
      certificate: secrets.use(`${mta.id}/fallback-certificate`, fallbackCertificate.certificate),
      key: secrets.use(`${mta.id}/fallback-key`, fallbackCertificate.key),
    };
  }
  report.refuse(
    mta.ref,
    reasons.CertificateMissing,
    `${path}.tls: listener ${name} has mode ${tls.mode} and no certificate: name a Secret of type kubernetes.io/tls in tls.certificateRef, or an issuer of cert-manager in tls.issuerRef, or set tls.mode to None`,
    `${path}.tls`,
  );
  return undefined;
}

function findPair({ mta, secrets }: Context, name: string, path: string): Pair | undefined {
  const use = { resource: mta.ref, name, path };
  const pair = secrets.findKeyPair(
    { ...use, key: 'tls.crt', what: 'the certificate chain, PEM' },
    { ...use, key: 'tls.key', what: 'its key, PEM' },
  );
  if (pair === undefined) return undefined;
  const id = (key: string) => secretId(mta.ref.namespace, name, key);
  return {
    certificate: secrets.use(id('tls.crt'), pair.chain),
    key: secrets.use(id('tls.key'), pair.key),
  };
}

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
