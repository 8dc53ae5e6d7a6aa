/** A session as the pool and the flow see it: one transaction at a time, and whether there may be another. */
import { smtpError } from '../errors.ts';
import type { NextHop } from '../route/types.ts';
import { batchOf, limitsOf, recipientDomain, type SessionLimits } from './limits.ts';
import { type Line, SmtpTransaction } from './transaction.ts';
import type { PooledSession, Transaction } from './types.ts';

export class SmtpSession implements PooledSession {
  readonly hop: NextHop;
  readonly tls: string | undefined;
  readonly #line: Line;
  readonly #limits: SessionLimits;
  /** Of the recipients that it had. */
  readonly #domains = new Set<string>();
  readonly #limit: number;
  #started = 0;
  #used = 0;
  #busy = false;

  /** `limit` is the number of transactions of this connection, where the next hop doesn't say less. */
  constructor(line: Line, tls: string | undefined, limit: number) {
    this.hop = line.hop;
    this.tls = tls;
    this.#line = line;
    this.#limits = limitsOf(line.extensions);
    this.#limit = Math.min(limit, this.#limits.transactions);
  }

  get used(): number {
    return this.#used;
  }

  get closed(): Promise<void> {
    return this.#line.dialogue.closed;
  }

  get notifies(): boolean {
    return this.#line.extensions.has('DSN');
  }

  get requiresTls(): boolean {
    return this.#line.extensions.has('REQUIRETLS');
  }

  get deliversBy(): boolean {
    return this.#line.extensions.has('DELIVERBY');
  }

  get reusable(): boolean {
    return !this.#busy && this.alive && this.#started < this.#limit;
  }

  get alive(): boolean {
    return this.#line.dialogue.failure === undefined;
  }

  batch(addresses: readonly string[]): readonly number[] {
    return batchOf(addresses, this.#limits, this.#domains);
  }

  transaction(): Transaction {
    this.#busy = true;
    this.#started += 1;
    return new SmtpTransaction(this.#line, (recipients) => {
      this.#busy = false;
      if (this.#limits.domains === Number.POSITIVE_INFINITY) return;
      for (const { address } of recipients) this.#domains.add(recipientDomain(address));
    });
  }

  lend(): void {
    this.#used = this.#started;
  }

  onEnd(callback: (() => void) | undefined): void {
    this.#line.dialogue.onFailure = callback;
  }

  close(): void {
    if (this.#busy) {
      this.cut();
    } else {
      this.#line.dialogue.quit();
    }
  }

  /** At once, in the midst of anything. */
  cut(): void {
    this.#line.dialogue.fail(smtpError('connectionLost', { detail: 'closed by us', closes: true }));
  }
}
