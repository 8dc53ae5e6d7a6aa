/** Certificate and key of a listener, as its config names them. Fails with `CertificateInvalid`. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type TLSSocket } from 'node:tls';
import type { Listener } from '../config.ts';
import { PostriderError } from '../errors.ts';

export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** Certificate and key, checked to be readable and to belong together; undefined without TLS. */
export function tlsMaterial(
  config: Listener,
  secrets: Readonly<Record<string, string>>,
): TlsMaterial | undefined {
  const { mode, certificate, key, minVersion } = config.tls;
  if (mode === 'none') return undefined;
  const material = {
    cert: secrets[certificate ?? ''] ?? '',
    key: secrets[key ?? ''] ?? '',
    minVersion,
  };
  try {
    // Without this an empty one would let the library's own key in, which everybody knows.
    new X509Certificate(material.cert);
    createSecureContext(material);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PostriderError('CertificateInvalid', `listener ${config.name}: certificate or key: ${why}`, {
      hint: 'both have to be PEM, and the key has to be the one that the certificate was made for',
      cause,
    });
  }
  if (material.key === '') {
    throw new PostriderError('CertificateInvalid', `listener ${config.name}: there is no key`, {
      hint: 'name a Secret of type kubernetes.io/tls, with tls.crt and tls.key',
    });
  }
  return material;
}

/** `TLSv1.3 TLS_AES_256_GCM_SHA384`, with the cipher's name as IANA has it. */
export function describeTls(socket: TLSSocket): string {
  return `${socket.getProtocol()} ${socket.getCipher().standardName}`;
}
