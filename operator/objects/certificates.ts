/** Certificates that cert-manager issues, for listeners and for Policy Hosts: their Secrets are what these use. Pure. */
import type { PolicyCertificate } from '../compile/mta-sts.ts';
import { domainName } from '../compile/names.ts';
import type { Certificate } from '../kube/types.ts';
import { type Fleet, metadataOf, names } from './fleet.ts';

/** One for each listener that names an issuer. */
export function certificates(fleet: Fleet): Certificate[] {
  return fleet.spec.listeners.flatMap((listener) => {
    const { issuerRef, dnsNames, dane } = listener.tls;
    if (issuerRef === undefined) return [];
    const name = names.certificate(fleet, listener.name);
    const hosts = [listener.hostname ?? fleet.spec.hostname, ...dnsNames];
    return [
      {
        apiVersion: 'cert-manager.io/v1',
        kind: 'Certificate',
        metadata: metadataOf(fleet, name),
        spec: {
          secretName: name,
          dnsNames: [...new Set(hosts.map((host) => domainName(host) ?? host))],
          issuerRef: { ...issuerRef },
          // RSA, which is cert-manager's own choice: old mail servers know nothing else.
          // One that stays has nobody wait for a record of another.
          privateKey: { rotationPolicy: dane === undefined ? 'Always' : 'Never' },
          usages: ['digital signature', 'key encipherment', 'server auth'],
        },
      },
    ];
  });
}

/** Those of Policy Hosts (RFC 8461 §3.3), by the issuer of the web port. */
export function policyCertificates(fleet: Fleet, wanted: readonly PolicyCertificate[]): Certificate[] {
  const issuerRef = fleet.spec.web?.issuerRef;
  if (issuerRef === undefined) return [];
  return wanted.map(({ name, dnsNames }) => ({
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: metadataOf(fleet, name),
    spec: {
      secretName: name,
      dnsNames: [...dnsNames],
      issuerRef: { ...issuerRef },
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
      usages: ['digital signature', 'server auth'],
    },
  }));
}
