import type { BlockList } from 'node:net';
import type { Listener } from '../config.ts';
import type { Forwarded } from '../envelope.ts';
import { type SmtpError, smtpError } from '../errors.ts';
import { contains, networkList } from '../route/egress.ts';
import type { ClientAttributes } from './attributes.ts';
import type { ClientCertificate } from './client-certificate.ts';
import type { Client } from './types.ts';

/** Counts the connection as one of another address; what that is refused with, as a new connection would be. */
export type Recount = (from: string | undefined, to: string | undefined) => SmtpError | undefined;

/** What the dialogue learns of its client; the acceptor sees it as a `Client`. */
export class DialogueClient implements Client {
  readonly session: string;
  address: string | undefined;
  port: number | undefined;
  name: string | undefined;
  helo: string | undefined;
  extended = false;
  tls: string | undefined;
  /** What the connection was made with, whoever is spoken for on it. */
  shown: ClientCertificate | undefined;
  user: string | undefined;
  forwarded: Forwarded | undefined;
  #isSpokenFor = false;
  readonly #current: () => Listener;
  readonly #recount: Recount;

  constructor(session: string, address: string, port: number, current: () => Listener, recount: Recount) {
    this.session = session;
    this.address = address;
    this.port = port;
    this.#current = current;
    this.#recount = recount;
  }

  get listener(): Listener {
    return this.#current();
  }

  get certificate(): ClientCertificate | undefined {
    return this.#isSpokenFor ? undefined : this.shown;
  }

  // RFC 3848
  get protocol(): string {
    if (!this.extended) return 'SMTP';
    const name = this.listener.role === 'lmtp' ? 'LMTP' : 'ESMTP';
    return `${name}${this.tls === undefined ? '' : 'S'}${this.user === undefined ? '' : 'A'}`;
  }

  /** Whether it may speak for others by this command. Who it is now counts: a client that a peer spoke for may not. */
  mayUse(command: 'xclient' | 'xforward'): boolean {
    const { [command]: peers } = this.listener;
    return peers !== undefined && contains(listOf(peers.from), this.address);
  }

  /** Throws where the command is not for it. */
  checkMayUse(command: 'xclient' | 'xforward'): void {
    if (this.listener[command] === undefined) throw smtpError('notImplemented');
    if (!this.mayUse(command)) throw smtpError('notTrusted');
  }

  /** The session is this client's from now on; TLS alone stays, which is between the peer and us. */
  become(told: ClientAttributes): void {
    const before = this.address;
    this.#isSpokenFor = true;
    this.user = undefined;
    this.helo = undefined;
    this.extended = false;
    Object.assign(this, told);
    const refused = 'address' in told ? this.#recount(before, this.address) : undefined;
    if (refused !== undefined) throw refused;
  }
}

const lists = new WeakMap<readonly string[], BlockList>();

function listOf(networks: readonly string[]): BlockList {
  const known = lists.get(networks) ?? networkList(networks);
  lists.set(networks, known);
  return known;
}
