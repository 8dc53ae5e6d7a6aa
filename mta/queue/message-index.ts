/**
 * The messages of a lane in memory: where each lies, and its jobs. Envelope and content stay on disk. Also how many
 * bytes of each segment are still needed, which is what compaction goes by.
 */
import type { Job } from './types.ts';

/** A record in the lane's segments. */
export interface RecordLocation {
  readonly segment: number;
  /** Of the record's header. */
  readonly offset: number;
  /** Header included. */
  readonly length: number;
}

/** The jobs change; the place changes by `MessageIndex.move` alone. */
export interface IndexedMessage {
  readonly sequence: number;
  readonly size: number;
  readonly arrivedAt: number;
  readonly sender: string;
  /** Name of the body's file, where it has one. */
  readonly body: string | undefined;
  jobs: readonly Job[];
  segment: number;
  offset: number;
  length: number;
}

export class MessageIndex {
  readonly #messages = new Map<number, IndexedMessage>();
  readonly #live = new Map<number, number>();
  #bytes = 0;
  #totalLive = 0;
  /** Arrival of the oldest message; undefined where it has to be looked for. */
  #oldest: number | undefined = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#messages.size;
  }

  /** Content of all messages, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Arrival of the oldest message, ms since the epoch; Infinity where there is none. */
  get oldest(): number {
    if (this.#oldest === undefined) {
      this.#oldest = Number.POSITIVE_INFINITY;
      for (const { arrivedAt } of this.#messages.values()) this.#oldest = Math.min(this.#oldest, arrivedAt);
    }
    return this.#oldest;
  }

  get(sequence: number): IndexedMessage | undefined {
    return this.#messages.get(sequence);
  }

  /** Adds a message, or replaces what was known of it. */
  put(message: IndexedMessage): void {
    this.remove(message.sequence);
    this.#messages.set(message.sequence, message);
    this.#bytes += message.size;
    if (this.#oldest !== undefined) this.#oldest = Math.min(this.#oldest, message.arrivedAt);
    this.#count(message.segment, message.length);
  }

  move(sequence: number, to: RecordLocation): void {
    const message = this.#messages.get(sequence);
    if (!message) return;
    this.#count(message.segment, -message.length);
    message.segment = to.segment;
    message.offset = to.offset;
    message.length = to.length;
    this.#count(to.segment, to.length);
  }

  remove(sequence: number): IndexedMessage | undefined {
    const message = this.#messages.get(sequence);
    if (!message) return undefined;
    this.#messages.delete(sequence);
    this.#bytes -= message.size;
    if (message.arrivedAt === this.#oldest) this.#oldest = undefined;
    this.#count(message.segment, -message.length);
    return message;
  }

  /** Removes what lies in segments below `first`. */
  forget(first: number): void {
    if (![...this.#live.keys()].some((segment) => segment < first)) return;
    for (const { sequence, segment } of this.#messages.values()) if (segment < first) this.remove(sequence);
  }

  values(): IterableIterator<IndexedMessage> {
    return this.#messages.values();
  }

  sequences(): IterableIterator<number> {
    return this.#messages.keys();
  }

  /** Bytes of a segment's records that messages still need. */
  liveBytes(segment: number): number {
    return this.#live.get(segment) ?? 0;
  }

  /** Bytes of all segments' records that messages still need. */
  get totalLiveBytes(): number {
    return this.#totalLive;
  }

  #count(segment: number, bytes: number): void {
    this.#totalLive += bytes;
    const now = this.liveBytes(segment) + bytes;
    if (now > 0) this.#live.set(segment, now);
    else this.#live.delete(segment);
  }
}
