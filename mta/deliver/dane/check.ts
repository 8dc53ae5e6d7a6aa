/** Whether what a server has shown matches the TLSA records of its host (RFC 7672 §3.2). Pure; throws a `TlsFailure`. */
import type { X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '../../route/dns-answer.ts';
import { TlsFailure } from '../tls-failure.ts';
import { findChain } from './chain.ts';
import { extensionsOf } from './extensions.ts';
import { isFor, presentedNames } from './names.ts';
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
  const { found, failure } = findChain(sent, anchors, now);
  if (failure !== undefined) throw failure;
  if (!found) {
    throw new TlsFailure('tlsa-invalid', `none of ${records.length} TLSA records matches ${describe(own)}`);
  }
  const presented = presentedNames(own, extensionsOf(own.raw));
  if (isFor(presented, references)) return;
  throw new TlsFailure(
    'certificate-host-mismatch',
    `the certificate is for ${presented.join(', ') || 'no host'}, not for ${references.join(' or ')}`,
  );
}

/** As a record of usage 3, selector 1 and matching type 1 would have it: to be compared with what is published. */
function describe({ publicKey, fingerprint256 }: X509Certificate): string {
  return `the certificate ${fingerprint256.replaceAll(':', '').toLowerCase()} (${publicKey.asymmetricKeyType})`;
}
