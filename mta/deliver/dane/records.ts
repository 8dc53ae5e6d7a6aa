/** Which TLSA records count, and what matches one (RFC 6698 §2.1, §4.1; RFC 7671 §9; RFC 7672 §3.1). Pure. */
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '../../route/dns-answer.ts';

export const DANE_TA = 2;
export const DANE_EE = 3;
export const CERT = 0;
export const SPKI = 1;
export const FULL = 0;

/** By matching type: digests, and their length in octets. */
const DIGESTS = new Map([
  [1, { name: 'sha256', length: 32 }],
  [2, { name: 'sha512', length: 64 }],
]);

/**
 * Those that a certificate may match: of the usages of SMTP (RFC 7672 §3.1.3), known in every field and well formed, and of each
 * usage and selector only the digests of the strongest kind that there is (RFC 7671 §9).
 */
export function usable(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  const known = records.filter(isKnown);
  const strongest = new Map<string, number>();
  for (const record of known) {
    strongest.set(kindOf(record), Math.max(record.matchingType, strongest.get(kindOf(record)) ?? FULL));
  }
  return known.filter(
    (record) => record.matchingType === FULL || record.matchingType === strongest.get(kindOf(record)),
  );
}

const kindOf = ({ usage, selector }: TlsaRecord): string => `${usage} ${selector}`;

function isKnown({ usage, selector, matchingType, data }: TlsaRecord): boolean {
  if (usage !== DANE_TA && usage !== DANE_EE) return false;
  if (selector !== CERT && selector !== SPKI) return false;
  if (matchingType !== FULL) return DIGESTS.get(matchingType)?.length === data.length / 2;
  try {
    if (selector === CERT) certificateIn(data);
    else keyIn(data);
    return true;
  } catch {
    return false;
  }
}

/** The certificate of a record with selector Cert(0) and matching type Full(0). */
export const certificateIn = (data: string): X509Certificate => new X509Certificate(Buffer.from(data, 'hex'));

/** The key of a record with selector SPKI(1) and matching type Full(0). */
export const keyIn = (data: string) =>
  createPublicKey({ key: Buffer.from(data, 'hex'), format: 'der', type: 'spki' });

export function matches(
  { selector, matchingType, data }: TlsaRecord,
  { raw, publicKey }: X509Certificate,
): boolean {
  const selected = selector === CERT ? raw : publicKey.export({ type: 'spki', format: 'der' });
  const digest = DIGESTS.get(matchingType);
  return (
    data === (digest ? createHash(digest.name).update(selected).digest('hex') : selected.toString('hex'))
  );
}
