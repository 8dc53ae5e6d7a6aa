/** TLS of a listener: where its certificate comes from, and what is said where it is missing. */
import { reasons } from '../../crds/conditions.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import type { Listener } from '../../mta/config.ts';
import { names } from '../objects/fleet.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import { type Secrets, secretId } from './secrets.ts';
import type { Environment } from './types.ts';

type ListenerSpec = MtaSpec['listeners'][number];

const modes = { None: 'none', STARTTLS: 'starttls', Implicit: 'implicit' } as const;

/** Undefined after the reason was reported. */
export function buildListenerTls(
  mta: Resource<MtaSpec>,
  listener: ListenerSpec,
  path: string,
  environment: Environment,
  secrets: Secrets,
  report: Report,
): Listener['tls'] | undefined {
  const { tls, name } = listener;
  const common = { mode: modes[tls.mode], required: tls.required, minVersion: tls.minVersion };
  if (tls.mode === 'None') return common;
  const { fallbackCertificate } = environment;
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
    const use = { resource: mta.ref, name: named.name, path: `${path}.tls.${named.field}` };
    const pair = secrets.findKeyPair(
      { ...use, key: 'tls.crt', what: 'the certificate chain, PEM' },
      { ...use, key: 'tls.key', what: 'its key, PEM' },
    );
    if (pair === undefined) return undefined;
    const id = (key: string) => secretId(mta.ref.namespace, named.name, key);
    return {
      ...common,
      certificate: secrets.use(id('tls.crt'), pair.chain),
      key: secrets.use(id('tls.key'), pair.key),
    };
  }
  if (fallbackCertificate !== undefined) {
    return {
      ...common,
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
