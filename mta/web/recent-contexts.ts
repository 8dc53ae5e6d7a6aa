/** Secure contexts of certificates that are shown now and then: the last ones that were asked for, across configs. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { CIPHERS } from '../listen/tls-contexts.ts';

/** Some 30 KB each: of thousands of hosts most are asked for once a day. */
const MOST = 200;

export class RecentContexts {
  readonly #made = new Map<string, SecureContext | Error>();
  readonly #onDefect: (error: unknown) => void;

  /** @param onDefect told once of a pair that can't be used */
  constructor(onDefect: (error: unknown) => void) {
    this.#onDefect = onDefect;
  }

  /** Undefined where OpenSSL won't have this pair. @param cert PEM, as `key` */
  of(cert: string, key: string): SecureContext | undefined {
    const id = `${cert}\0${key}`;
    const made = this.#made.get(id) ?? this.#make(cert, key);
    this.#made.delete(id);
    this.#made.set(id, made);
    if (this.#made.size > MOST) this.#made.delete(this.#made.keys().next().value!);
    return made instanceof Error ? undefined : made;
  }

  #make(cert: string, key: string): SecureContext | Error {
    try {
      return createSecureContext({ cert, key, minVersion: 'TLSv1.2', ciphers: CIPHERS });
    } catch (error) {
      this.#onDefect(error);
      return error as Error;
    }
  }
}
