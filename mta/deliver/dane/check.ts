/** Whether what a server has shown matches the TLSA records of its host (RFC 7672 §3.2). Pure; throws a `TlsFailure`. */
import { createHash, type X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '../../route/dns-answer.ts';
import { TlsFailure } from '../tls-failure.ts';
import { hasValidChain } from './chain.ts';
import { DANE_EE, DANE_TA, matches } from './records.ts';

/**
 * One record is enough: others may be of keys that come or have gone (RFC 7671 §8). Of a certificate that a record names itself
 * nothing else is looked at, neither names nor dates (RFC 7672 §3.1.1).
 *
 * @param sent all certificates of the server, its own first
 * @param records usable ones
 * @param now as `Date.now()`
 */
export function checkTlsa(
  sent: readonly [X509Certificate, ...X509Certificate[]],
  {
    records,
    references,
  }: { readonly records: readonly TlsaRecord[]; readonly references: readonly string[] },
  now: number,
): void {
  const [own] = sent;
  if (records.some((record) => record.usage === DANE_EE && matches(record, own))) return;
  const anchors = records.filter(({ usage }) => usage === DANE_TA);
  if (hasValidChain(sent, anchors, references, now)) return;
  const spki = createHash('sha256').update(own.publicKey.export({ type: 'spki', format: 'der' }));
  throw new TlsFailure(
    'tlsa-invalid',
    `none of ${records.length} TLSA records matches the server, for which one would be 3 1 1 ${spki.digest('hex')}`,
  );
}
