/** Keys, certificates and rules of a listener's TLS, as its config names them. Fails with `CertificateInvalid`. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type TLSSocket } from 'node:tls';
import type { Listener } from '../config.ts';
import { PostriderError } from '../errors.ts';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface TlsMaterial {
  /** The first one is for clients that ask for no name, or for one that no certificate has. */
  readonly pairs: readonly [KeyPair, ...KeyPair[]];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** PEM of the authorities whose client certificates are identities; clients are asked for one where it is there. */
  readonly ca?: string;
}

/** All of it checked: certificates to be readable, keys to belong to them; undefined without TLS. */
export function tlsMaterial(
  config: Listener,
  secrets: Readonly<Record<string, string>>,
): TlsMaterial | undefined {
  const { mode, certificate, key, moreCertificates = [], minVersion, clientAuth } = config.tls;
  if (mode === 'none') return undefined;
  const secret = (id: string | undefined): string => secrets[id ?? ''] ?? '';
  const pairOf = (pair: { certificate?: string | undefined; key?: string | undefined }): KeyPair =>
    checkPair({ cert: secret(pair.certificate), key: secret(pair.key) }, config.name);
  return {
    pairs: [pairOf({ certificate, key }), ...moreCertificates.map(pairOf)],
    minVersion,
    ...(clientAuth && { ca: checkAuthorities(secret(clientAuth.ca), config.name) }),
  };
}

function checkPair(pair: KeyPair, listener: string): KeyPair {
  try {
    // Without this an empty one would let the library's own key in, which everybody knows.
    new X509Certificate(pair.cert);
    createSecureContext(pair);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PostriderError('CertificateInvalid', `listener ${listener}: certificate or key: ${why}`, {
      hint: 'both have to be PEM, and the key has to be the one that the certificate was made for',
      cause,
    });
  }
  if (pair.key === '') {
    throw new PostriderError('CertificateInvalid', `listener ${listener}: there is no key`, {
      hint: 'name a Secret of type kubernetes.io/tls, with tls.crt and tls.key',
    });
  }
  return pair;
}

function checkAuthorities(ca: string, listener: string): string {
  try {
    // An empty bundle would be none, and Node's own authorities would be trusted.
    new X509Certificate(ca);
    createSecureContext({ ca });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PostriderError('CertificateInvalid', `listener ${listener}: authorities of clients: ${why}`, {
      hint: 'they have to be certificates in PEM',
      cause,
    });
  }
  return ca;
}

/** `TLSv1.3 TLS_AES_256_GCM_SHA384`, with the cipher's name as IANA has it. */
export function describeTls(socket: TLSSocket): string {
  return `${socket.getProtocol()} ${socket.getCipher().standardName}`;
}
