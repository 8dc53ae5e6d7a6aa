/**
 * A connection that another process has lent, as a stream like any other: what is lost on the way ends it. When it is closed, it has no
 * question under way that would get the answer to somebody else's.
 */
import { Duplex } from 'node:stream';
import type { Lent } from './loans.ts';

export class BorrowedSocket extends Duplex {
  readonly #lent: Lent;
  #reading: Promise<void> | undefined;

  constructor(lent: Lent) {
    super();
    this.#lent = lent;
    // What the other side has said last is read first.
    this.once('end', () => this.destroy());
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#lent.send(chunk).then(() => done(), done);
  }

  override _read(): void {
    if (this.#reading !== undefined) return;
    this.#reading = this.#receive()
      .catch((error: Error) => void this.destroy(error))
      .finally(() => {
        this.#reading = undefined;
      });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#reading === undefined) {
      done(error);
      return;
    }
    // Where it can't be interrupted, it ends by itself after a while.
    this.#lent.interrupt().catch(() => {});
    void this.#reading.then(() => done(error));
  }

  async #receive(): Promise<void> {
    for (let wanted = true; wanted && !this.destroyed; ) {
      const { data, ended } = await this.#lent.receive();
      if (this.destroyed) return;
      if (data.length > 0) wanted = this.push(data);
      if (!ended) continue;
      this.push(null);
      return;
    }
  }
}
