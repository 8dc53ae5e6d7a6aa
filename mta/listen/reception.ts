/**
 * One message on its way in, by DATA or by BDAT: decodes, hands on to the sink, and keeps the first reason to refuse it. A
 * refused message is swallowed to its end in constant memory and answered there (RFC 5321 §4.1.1.4, RFC 3030 §2), unless
 * the reason closes the connection.
 */
import type { Limits } from '../config.ts';
import { SmtpError, smtpError } from '../errors.ts';
import { ChunkDecoder } from './chunks.ts';
import { DataDecoder } from './data.ts';
import type { ContentSink } from './types.ts';

/** What tells content from commands. */
type Framing = Pick<DataDecoder, 'size' | 'lineTooLong' | 'push'> & {
  readonly state: DataDecoder['state'];
  readonly isBare?: boolean;
};

/** What one reply to the end of content says. */
export type Ending = string | SmtpError;

/** By DATA: up to the final dot. */
export class Reception {
  readonly command: 'DATA' | 'BDAT' = 'DATA';
  /** Bytes that have arrived, as sent: for the pace. */
  received = 0;
  /** Why the message will not be accepted. */
  refused: SmtpError | undefined;
  readonly #decoder: Framing;
  readonly #sink: ContentSink;
  readonly #recipients: number | undefined;
  readonly #limit: number;
  #waiting: Promise<void> | undefined;
  #open = true;

  /** @param recipients of whom each has a reply of its own (RFC 2033 §4.2); absent where one reply is for all */
  constructor(
    sink: ContentSink,
    limits: Limits,
    recipients?: number,
    decoder: Framing = new DataDecoder(limits.lineLength),
  ) {
    this.#sink = sink;
    this.#recipients = recipients;
    this.#decoder = decoder;
    const { messageSize } = limits;
    const { limits: own = [] } = sink;
    const fitsAnyone = recipients !== undefined && own.length > 0 ? Math.max(...own) : Math.min(...own);
    this.#limit = Math.min(messageSize > 0 ? messageSize : Infinity, fitsAnyone);
  }

  /** How many replies its end has. */
  get replies(): number {
    return this.#recipients ?? 1;
  }

  /** All has come that is to be answered next: the final dot, or the end of a chunk. */
  get complete(): boolean {
    return this.#decoder.state === 'ended';
  }

  /** Whether the answer to that is the transaction's last. */
  get isOver(): boolean {
    return true;
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
    if (this.#decoder.lineTooLong) this.refuse(smtpError('lineTooLongInData'));
    if (this.#decoder.isBare === true) this.refuse(smtpError('notCanonical'));
    return consumed;
  }

  /** Resolves when the sink can take more; undefined when it can already. Never rejects. */
  ready(): Promise<void> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting?.catch((error: unknown) => this.refuse(error));
  }

  /** Once it is complete; resolves with the text of the 250, or the refusal, of each reply. */
  async commit(): Promise<readonly Ending[]> {
    if (this.refused !== undefined) throw this.refused;
    this.#open = false;
    const without = this.#tooLargeFor();
    const text = await this.#sink.commit(without);
    // An error has a stack, which takes as long as all the rest here.
    if (without.size === 0) return new Array<Ending>(this.replies).fill(text);
    const tooLarge = smtpError('messageTooLarge');
    return Array.from({ length: this.replies }, (_, place) => (without.has(place) ? tooLarge : text));
  }

  /** Nothing of this message will be accepted. */
  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sink.abort();
  }

  /** Those whose own limit it is above, where others take it and can be told so. */
  #tooLargeFor(): ReadonlySet<number> {
    const { limits = [] } = this.#sink;
    if (this.#recipients === undefined) return new Set();
    return new Set(limits.flatMap((limit, place) => (this.#decoder.size > limit ? [place] : [])));
  }

  readonly #write = (slice: Buffer): void => {
    if (this.refused !== undefined) return;
    // RFC 1870 §6.1: whatever was declared, what arrives counts
    if (this.#decoder.size > this.#limit) {
      this.refuse(smtpError('messageTooLarge'));
      return;
    }
    try {
      const wait = this.#sink.write(slice);
      if (wait === undefined) return;
      this.#waiting = this.#waiting === undefined ? wait : Promise.all([this.#waiting, wait]).then(() => {});
    } catch (error) {
      this.refuse(error);
    }
  };

  /** Nothing more of it is stored. */
  protected refuse(error: unknown): void {
    if (this.refused !== undefined) return;
    this.refused = error instanceof SmtpError ? error : smtpError('localError', { cause: error });
    this.abort();
  }
}

/** By BDAT: chunk by chunk, each answered when it has come. */
export class ChunkReception extends Reception {
  override readonly command = 'BDAT';
  readonly #chunks: ChunkDecoder;
  readonly #hasOwnReplies: boolean;
  #octets = 0;
  #isLast = false;

  constructor(sink: ContentSink, limits: Limits, recipients?: number, isBinary = false) {
    const chunks = new ChunkDecoder(limits.lineLength, isBinary);
    super(sink, limits, recipients, chunks);
    this.#chunks = chunks;
    this.#hasOwnReplies = recipients !== undefined;
  }

  /** Of a chunk that is refused already, and has to be read all the same. */
  static refusing(error: SmtpError, limits: Limits, recipients?: number): ChunkReception {
    const reception = new ChunkReception(NO_SINK, limits, recipients);
    reception.refuse(error);
    return reception;
  }

  begin(octets: number, isLast: boolean): void {
    this.#octets = octets;
    this.#isLast = isLast;
    this.#chunks.begin(octets);
  }

  /** RFC 2033 §4.3: who has a reply of its own has it after LAST alone, which may be on its way behind a chunk that is refused. */
  override get isOver(): boolean {
    return this.#isLast || (this.refused !== undefined && !this.#hasOwnReplies);
  }

  override get replies(): number {
    return this.#isLast ? super.replies : 1;
  }

  override async commit(): Promise<readonly Ending[]> {
    if (this.#isLast) {
      this.#chunks.finish();
      if (this.#chunks.isBare) this.refuse(smtpError('notCanonical'));
      return await super.commit();
    }
    if (this.refused !== undefined) throw this.refused;
    return [`${this.#octets} octets received`];
  }
}

const NO_SINK: ContentSink = {
  write: () => undefined,
  commit: () => Promise.reject(new Error('there is nothing to commit')),
  abort: () => undefined,
};
