/** What a client has shown of itself in TLS, where it was asked for a certificate. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { verifyPeerCertificate } from 'smtp-server/lib/smtp-connection.js';
import { HOST_NAME } from './server-name.ts';

/** One that doesn't verify is nobody's. */
export type ClientCertificate =
  | {
      readonly trusted: true;
      /** For the log: its first DNS name, or its subject where it has none. */
      readonly name: string;
      /** Its DNS names, without wildcards. */
      readonly names: readonly string[];
    }
  | { readonly trusted: false; readonly problem: string };

const LONGEST_NAME = 255;

/** After the handshake; undefined where there is none. */
export function clientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  const shown = socket.getPeerX509Certificate();
  // First: of a resumed session without one Node says that it is authorized.
  if (shown === undefined) return undefined;
  verifyPeerCertificate(socket, { requestCert: true, rejectUnauthorized: false });
  if (!socket.authorized) {
    return { trusted: false, problem: String(socket.authorizationError ?? 'it was not verified') };
  }
  const names = dnsNames(shown);
  return { trusted: true, name: names[0] ?? oneLine(shown.subject), names };
}

/** A value with anything special in it is a string of JSON: what is inside of it begins no other name. */
const ALTERNATIVE_NAME = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;

/** The text of the names is made for people; whether a name is really there is for OpenSSL to say. */
export function dnsNames(
  certificate: Pick<X509Certificate, 'subjectAltName' | 'checkHost'>,
): readonly string[] {
  const parts = [...(certificate.subjectAltName ?? '').matchAll(ALTERNATIVE_NAME)];
  return parts
    .filter(([, kind, value]) => kind === 'DNS' && HOST_NAME.test(value!))
    .map(([, , value]) => value!.toLowerCase())
    .filter((name) => certificate.checkHost(name, { wildcards: false, subject: 'never' }) !== undefined);
}

const oneLine = (subject: string | undefined): string =>
  (subject ?? '')
    .replace(/[^\x20-\x7e]+/g, ', ')
    .trim()
    .slice(0, LONGEST_NAME);
