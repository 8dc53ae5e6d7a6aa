/** Which certificate of a listener is for the host that a client asks for (SNI, RFC 6066 §3). Pure. */
import type { X509Certificate } from 'node:crypto';

/** What OpenSSL takes for a name and nothing else: to it, one that begins with a dot would stand for every name below. */
export const HOST_NAME = /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?$/i;

/**
 * The place of the one to show. What has the very name comes before what has a wildcard for it, and the earlier before the later. For a
 * name that none has, the first.
 */
export function certificateFor(certificates: readonly X509Certificate[], name: string): number {
  if (!HOST_NAME.test(name)) return 0;
  for (const wildcards of [false, true]) {
    const place = certificates.findIndex(
      (certificate) => certificate.checkHost(name, { wildcards, partialWildcards: false }) !== undefined,
    );
    if (place >= 0) return place;
  }
  return 0;
}

/** The places of the first, and of such as are for the same names with another kind of key (RSA, ECDSA): the client's algorithms choose. */
export function firstOfEachKind(certificates: readonly X509Certificate[]): readonly number[] {
  const kinds = new Map<string, number>();
  const names = namesOf(certificates[0]!);
  for (const [place, certificate] of certificates.entries()) {
    const kind = String(certificate.publicKey.asymmetricKeyType);
    if (namesOf(certificate) === names && !kinds.has(kind)) kinds.set(kind, place);
  }
  return [...kinds.values()];
}

/** To compare, whatever order they are in. */
const namesOf = ({ subjectAltName, subject }: X509Certificate): string =>
  (subjectAltName ?? subject).split(', ').sort().join(', ');
