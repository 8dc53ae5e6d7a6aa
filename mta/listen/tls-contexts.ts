/** What handshakes of a listener are made with: one context for each set of certificates that a name may get. */
import { createHash, hkdfSync, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { certificateFor, firstOfEachKind } from './server-name.ts';
import type { TlsMaterial } from './tls-material.ts';

/**
 * Mozilla's recommendation, version 6.0 (https://ssl-config.mozilla.org/guidelines/6.0.json): what it has for TLS 1.3, which is all
 * of its profile Modern, and the ciphers of TLS 1.2 of its profile Intermediate. All of them are good, so that the client chooses.
 */
export const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

export class TlsContexts {
  /** For clients that ask for no name, or for one of the first certificate. Its key is what all tickets are sealed with. */
  readonly first: SecureContext;
  readonly #material: TlsMaterial;
  readonly #certificates: readonly X509Certificate[];
  readonly #inFirst: readonly number[];
  readonly #scope: Buffer;
  readonly #ticketKeys: Buffer;
  readonly #others = new Map<number, SecureContext>();

  /**
   * @param listener sessions of one are never resumed at another, nor with other certificates or authorities
   * @param ticketSecret the same in all processes that are to resume each other's sessions
   */
  constructor(material: TlsMaterial, listener: string, ticketSecret: Uint8Array) {
    this.#material = material;
    this.#certificates = material.pairs.map(({ cert }) => new X509Certificate(cert));
    this.#inFirst = firstOfEachKind(this.#certificates);
    this.#scope = createHash('sha256')
      .update(JSON.stringify([listener, material]))
      .digest();
    this.#ticketKeys = Buffer.from(hkdfSync('sha256', ticketSecret, this.#scope, 'tls-tickets', 48));
    this.first = this.#make(this.#inFirst);
  }

  /** Undefined is the first one, as it is: where Node is given a context for a name, one certificate of it is all that it takes. */
  for(name: string): SecureContext | undefined {
    const place = certificateFor(this.#certificates, name);
    if (this.#inFirst.includes(place)) return undefined;
    const made = this.#others.get(place) ?? this.#make([place]);
    this.#others.set(place, made);
    return made;
  }

  #make(places: readonly number[]): SecureContext {
    const { pairs, minVersion, ca } = this.#material;
    const shown = places.map((place) => pairs[place]!);
    return createSecureContext({
      cert: shown.map(({ cert }) => cert),
      key: shown.map(({ key }) => key),
      minVersion,
      ciphers: CIPHERS,
      honorCipherOrder: false,
      // OpenSSL resumes no session with a client certificate without one.
      sessionIdContext: this.#scope.toString('hex').slice(0, 32),
      ticketKeys: this.#ticketKeys,
      ...(ca === undefined ? {} : { ca }),
    });
  }
}
