/** TLSA records of certificates, for tests. */
import { createHash, type X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '../../../route/dns-answer.ts';

/** `3 1 1`, as master files write it, of this certificate. */
export function tlsaOf(fields: string, { raw, publicKey }: X509Certificate): TlsaRecord {
  const [usage, selector, matchingType] = fields.split(' ').map(Number) as [number, number, number];
  const selected = selector === 0 ? raw : publicKey.export({ type: 'spki', format: 'der' });
  const digest = ['', 'sha256', 'sha512'][matchingType];
  const data = digest ? createHash(digest).update(selected).digest('hex') : selected.toString('hex');
  return { usage, selector, matchingType, data };
}
