/**
 * The identity that lies in a folder, looked at once a minute: certificates are renewed while we run. With one that can't be used
 * the last goes on, and the log says why.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Identity } from './identity.ts';

const LOOK_MS = 60_000;

export class KeptIdentity {
  readonly #read: () => Identity;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners: ((identity: Identity) => void)[] = [];
  #current: Identity;
  #cancel: () => void;

  /** @param read throws `CertificateInvalid`, and so does this where there is none to begin with */
  constructor(read: () => Identity, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#read = read;
    this.#clock = clock;
    this.#logger = logger;
    this.#current = read();
    this.#cancel = this.#later();
  }

  get current(): Identity {
    return this.#current;
  }

  /** For connections that are made from now on. */
  onChange(listener: (identity: Identity) => void): void {
    this.#listeners.push(listener);
  }

  stop(): void {
    this.#cancel();
  }

  #later(): () => void {
    return this.#clock.after(LOOK_MS, () => {
      this.#look();
      this.#cancel = this.#later();
    });
  }

  #look(): void {
    try {
      const identity = this.#read();
      if (isDeepStrictEqual(identity, this.#current)) return;
      this.#current = identity;
      for (const listener of this.#listeners) listener(identity);
    } catch (error) {
      this.#logger.error({ err: error }, 'the identity of this member could not be renewed');
    }
  }
}
