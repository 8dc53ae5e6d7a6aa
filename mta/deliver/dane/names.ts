/** Whether a certificate is for one of the names that a server may have (RFC 7672 §3.2.3). Pure. */
import type { X509Certificate } from 'node:crypto';
import { alternativeNames, DNS_NAME, type Extension } from './extensions.ts';

/** DNS-IDs, or, only where there are none, CN-IDs: lower case. */
export function presentedNames(
  certificate: X509Certificate,
  extensions: ReadonlyMap<string, Extension>,
): readonly string[] {
  const dnsIds = alternativeNames(extensions)
    .filter(({ tag }) => tag === DNS_NAME)
    .map(({ content }) => content.toString('latin1').toLowerCase());
  if (dnsIds.length > 0) return dnsIds;
  const common: string | string[] | undefined = certificate.toLegacyObject().subject.CN;
  return [common ?? []].flat().map((name) => name.toLowerCase());
}

export const isFor = (presented: readonly string[], references: readonly string[]): boolean =>
  presented.some((name) => references.some((reference) => matchesName(name, reference)));

/** A wildcard is a whole first label, and stands for one label. */
function matchesName(presented: string, reference: string): boolean {
  if (!presented.startsWith('*.')) return presented === reference;
  const dot = reference.indexOf('.');
  return dot > 0 && presented.slice(1) === reference.slice(dot);
}
