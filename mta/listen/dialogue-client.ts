import type { Listener } from '../config.ts';
import type { Client } from './types.ts';

/** What the dialogue learns of its client; the acceptor sees it as a `Client`. */
export class DialogueClient implements Client {
  readonly session: string;
  readonly address: string;
  readonly port: number;
  helo: string | undefined;
  extended = false;
  tls: string | undefined;
  user: string | undefined;
  readonly #current: () => Listener;

  constructor(session: string, address: string, port: number, current: () => Listener) {
    this.session = session;
    this.address = address;
    this.port = port;
    this.#current = current;
  }

  get listener(): Listener {
    return this.#current();
  }

  // RFC 3848
  get protocol(): string {
    if (!this.extended) return 'SMTP';
    return `ESMTP${this.tls === undefined ? '' : 'S'}${this.user === undefined ? '' : 'A'}`;
  }
}
