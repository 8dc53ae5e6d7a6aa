/**
 * Reads a connection as lines or as chunks, whichever the protocol wants next, with the back-pressure of the socket.
 * Rejects with the socket's error; an orderly end is `undefined`.
 */
import type { Socket } from 'node:net';

const LF = 10;

export class LineTooLong extends Error {}

export class Lines {
  readonly #chunks: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  /** The next line, its CRLF included. Throws `LineTooLong` when there is none within `limit` bytes. */
  async line(limit: number): Promise<Buffer | undefined> {
    for (;;) {
      const end = this.#left.indexOf(LF);
      if (end >= limit || (end < 0 && this.#left.length >= limit)) throw new LineTooLong();
      if (end >= 0) {
        const line = this.#left.subarray(0, end + 1);
        this.#left = this.#left.subarray(end + 1);
        return line;
      }
      const next = await this.#chunks.next();
      if (next.done) return undefined;
      this.#left = Buffer.concat([this.#left, next.value]);
    }
  }

  /** Whatever is there, or arrives next. */
  async chunk(): Promise<Buffer | undefined> {
    if (this.#left.length > 0) {
      const chunk = this.#left;
      this.#left = Buffer.alloc(0);
      return chunk;
    }
    const next = await this.#chunks.next();
    return next.done ? undefined : next.value;
  }

  /** Puts bytes back that belong to what follows. */
  unread(bytes: Buffer): void {
    this.#left = Buffer.concat([bytes, this.#left]);
  }
}
