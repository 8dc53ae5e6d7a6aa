/** A connection that another process has lent, as a stream like any other: what is lost on the way ends it. */
import { Duplex } from 'node:stream';
import type { Lent } from './loans.ts';

export class BorrowedSocket extends Duplex {
  readonly #lent: Lent;
  #reading = false;

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
    if (this.#reading) return;
    this.#reading = true;
    this.#receive()
      .catch((error: Error) => this.destroy(error))
      .finally(() => {
        this.#reading = false;
      });
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
