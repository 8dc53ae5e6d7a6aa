/** A connection to a webhook as the pool and the flow see it: one request at a time, and whether there may be another. */
import { smtpError } from '../../errors.ts';
import type { NextHop } from '../../route/types.ts';
import type { PooledSession, Transaction } from '../types.ts';
import { type Posting, WebhookTransaction } from './transaction.ts';

export class WebhookSession implements PooledSession {
  readonly hop: NextHop;
  readonly tls: string | undefined;
  /** Nobody there writes reports. */
  readonly notifies = false;
  readonly deliversBy = false;
  readonly requiresTls = false;
  readonly #posting: Omit<Posting, 'wasIdle'>;
  readonly #limit: number;
  #started = 0;
  #used = 0;
  #busy = false;

  /** `limit` is the number of requests of this connection. */
  constructor(posting: Omit<Posting, 'wasIdle'>, tls: string | undefined, limit: number) {
    this.hop = posting.line.hop;
    this.tls = tls;
    this.#posting = posting;
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get closed(): Promise<void> {
    return this.#posting.line.closed;
  }

  get reusable(): boolean {
    const { failure, isLast } = this.#posting.line;
    return !this.#busy && failure === undefined && !isLast && this.#started < this.#limit;
  }

  /** All of them: a request has no limit of recipients. */
  batch(addresses: readonly string[]): readonly number[] {
    return addresses.map((_, position) => position);
  }

  transaction(): Transaction {
    this.#busy = true;
    this.#started += 1;
    return new WebhookTransaction({ ...this.#posting, wasIdle: this.#used > 0 }, () => {
      this.#busy = false;
    });
  }

  lend(): void {
    this.#used = this.#started;
  }

  onEnd(callback: (() => void) | undefined): void {
    this.#posting.line.onFailure = callback;
  }

  close(): void {
    this.#posting.line.fail(smtpError('connectionLost', { detail: 'closed by us', closes: true }));
  }
}
