/**
 * One message on its way in after 354: decodes, hands on to the sink, and keeps the first reason to refuse it. A
 * refused message is swallowed to its end in constant memory and answered there (RFC 5321 §4.1.1.4), unless the
 * reason closes the connection.
 */
import type { Limits } from '../config.ts';
import { SmtpError, smtpError } from '../errors.ts';
import { DataDecoder } from './data.ts';
import type { ContentSink } from './types.ts';

export class Reception {
  /** Bytes that have arrived, as sent: for the pace. */
  received = 0;
  /** Why the message will not be accepted. */
  refused: SmtpError | undefined;
  readonly #decoder: DataDecoder;
  readonly #sink: ContentSink;
  readonly #limit: number;
  #waiting: Promise<void> | undefined;
  #open = true;

  constructor(sink: ContentSink, limits: Limits) {
    this.#sink = sink;
    this.#decoder = new DataDecoder(limits.lineLength);
    const { messageSize } = limits;
    this.#limit = Math.min(messageSize > 0 ? messageSize : Infinity, sink.limit ?? Infinity);
  }

  /** The final dot has been seen. */
  get complete(): boolean {
    return this.#decoder.state === 'ended';
  }

  /**
   * @returns the number of bytes that were part of the message
   * @throws SmtpError that closes, for a bare CR or LF
   */
  push(chunk: Buffer): number {
    const consumed = this.#decoder.push(chunk, this.#write);
    if (this.#decoder.state === 'bare') {
      this.abort();
      throw smtpError('bareNewline', { closes: true });
    }
    this.received += consumed;
    // RFC 5321 §4.5.3.1.6
    if (this.#decoder.lineTooLong) this.#refuse(smtpError('lineTooLongInData'));
    return consumed;
  }

  /** Resolves when the sink can take more; undefined when it can already. Never rejects. */
  ready(): Promise<void> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting?.catch((error: unknown) => this.#refuse(error));
  }

  /** After the final dot. */
  async commit(): Promise<string> {
    if (this.refused !== undefined) throw this.refused;
    this.#open = false;
    return await this.#sink.commit();
  }

  /** Nothing of this message will be accepted. */
  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sink.abort();
  }

  readonly #write = (slice: Buffer): void => {
    if (this.refused !== undefined) return;
    // RFC 1870 §6.1: whatever was declared, what arrives counts
    if (this.#decoder.size > this.#limit) {
      this.#refuse(smtpError('messageTooLarge'));
      return;
    }
    try {
      const wait = this.#sink.write(slice);
      if (wait === undefined) return;
      this.#waiting = this.#waiting === undefined ? wait : Promise.all([this.#waiting, wait]).then(() => {});
    } catch (error) {
      this.#refuse(error);
    }
  };

  #refuse(error: unknown): void {
    if (this.refused !== undefined) return;
    this.refused = error instanceof SmtpError ? error : smtpError('localError', { cause: error });
    this.abort();
  }
}
