/** Certificates that cert-manager issues for listeners: their Secrets are what the listeners use. Pure. */
import { domainName } from '../compile/names.ts';
import type { Certificate } from '../kube/types.ts';
import { type Fleet, metadataOf, names } from './fleet.ts';

/** One for each listener that names an issuer. */
export function certificates(fleet: Fleet): Certificate[] {
  return fleet.spec.listeners.flatMap((listener) => {
    const { issuerRef, dnsNames } = listener.tls;
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
          privateKey: { rotationPolicy: 'Always' },
          usages: ['digital signature', 'key encipherment', 'server auth'],
        },
      },
    ];
  });
}
