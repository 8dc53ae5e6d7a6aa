/**
 * The sequence numbers of a lane's messages. Given away only below a number that a record on disk reserves, so that no
 * id is ever used twice, not even that of a draft that was never committed.
 */
import { smtpError } from '../errors.ts';
import { encodeLaneRecord } from './format/message.ts';
import { MOST_SEQUENCES } from './handles.ts';
import type { Journal } from './journal.ts';

/** Reserved at a time: a record for each half of it, at most. */
const AHEAD = 1 << 20;

export class Sequences {
  readonly #journal: Journal;
  #next: number;
  #reserved = 0;
  #reserving = false;

  /** @param first that may be given away; nothing is, before `reserve` */
  constructor(journal: Journal, first: number) {
    this.#journal = journal;
    this.#next = first;
  }

  /** Throws `SmtpError` 451 where the disk has not kept up, or the lane has used all of its numbers. */
  next(): number {
    if (this.#next >= Math.min(this.#reserved, MOST_SEQUENCES))
      throw smtpError('localError', { detail: 'no sequence number is free' });
    if (this.#reserved - this.#next < AHEAD / 2 && !this.#reserving) {
      void this.reserve().catch(() => undefined);
    }
    this.#next += 1;
    return this.#next - 1;
  }

  /** Resolves when more numbers are free, and what is reserved stands in the newest segment. */
  async reserve(): Promise<void> {
    this.#reserving = true;
    const upTo = Math.max(this.#reserved, this.#next + AHEAD);
    try {
      await this.#journal.append(encodeLaneRecord('reserved', upTo), { keep: true });
      this.#reserved = Math.max(this.#reserved, upTo);
    } finally {
      this.#reserving = false;
    }
  }
}
