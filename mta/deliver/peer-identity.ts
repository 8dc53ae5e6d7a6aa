/** Whether a next hop is who its policy wants it to be, by the certificate that it has shown. */
import { createHash, type X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { checkTlsa } from './dane/check.ts';
import type { Demand } from './demand.ts';
import { TlsFailure } from './tls-failure.ts';

/**
 * Before a password is sent, and before any mail. Throws a `TlsFailure` that says what was shown instead, so that a person may
 * compare it with what they know.
 *
 * @param now as `Date.now()`
 */
export function checkPeer(socket: Socket, host: string, demand: Demand, now: number): void {
  if (demand.asks !== 'authority' && demand.asks !== 'pins' && demand.asks !== 'tlsa') return;
  const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (!(socket instanceof TLSSocket) || shown === undefined) {
    throw new TlsFailure('validation-failure', 'no certificate was shown');
  }
  if (demand.asks === 'pins') checkPins(shown, demand.pins);
  else if (demand.asks === 'tlsa') checkTlsa([shown, ...issuersOf(shown)], demand, now);
  else if (!socket.authorized) throw unauthorized(String(socket.authorizationError), shown, host);
  else if (!isNamed(shown, host)) throw unauthorized('ERR_TLS_CERT_ALTNAME_INVALID', shown, host);
}

/** By an alternative name: not by its subject, nor by a wildcard for a part of a label, as Node would have it too (RFC 8461 §4.2). */
const isNamed = (shown: X509Certificate, host: string): boolean =>
  isIP(host) !== 0 || shown.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined;

/** What came after the server's own, in the order in which it was sent. */
function issuersOf({ issuerCertificate }: X509Certificate): X509Certificate[] {
  return issuerCertificate === undefined ? [] : [issuerCertificate, ...issuersOf(issuerCertificate)];
}

/** SHA-256 of the SubjectPublicKeyInfo, in base64, as RFC 7469 §2.4 has it. */
export function pinOf({ publicKey }: X509Certificate): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}

function checkPins(shown: X509Certificate, pins: readonly string[]): void {
  const pin = pinOf(shown);
  if (pins.includes(pin)) return;
  throw new TlsFailure('certificate-not-trusted', `the key ${pin} is not among the pins`);
}

type CertificateFault =
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure';

const FAULTS: Readonly<Record<string, CertificateFault>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-host-mismatch',
  CERT_HAS_EXPIRED: 'certificate-expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-not-trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-not-trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-not-trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-not-trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-not-trusted',
};

/** @param code as Node and OpenSSL name it */
function unauthorized(code: string, shown: X509Certificate, host: string): TlsFailure {
  const fault = FAULTS[code] ?? 'validation-failure';
  const why = {
    'certificate-host-mismatch': `the certificate is for ${shown.subjectAltName ?? 'no host'}, not for ${host}`,
    'certificate-expired': `the certificate was valid until ${shown.validTo}`,
    'certificate-not-trusted': `no authority that is trusted has signed the certificate (${code})`,
    'validation-failure': code,
  }[fault];
  return new TlsFailure(fault, why);
}
