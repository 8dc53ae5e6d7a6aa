/**
 * The messages of a lane in memory: where each lies, and its jobs. Envelope and content stay on disk. Also how many
 * bytes of each segment are still needed, which is what compaction goes by.
 *
 * About 110 bytes for a message with one job, in columns; objects are made for what is asked for alone.
 */
import { Column, Rows } from '../compact/columns.ts';
import { Interner } from '../compact/interner.ts';
import { NumberMap } from '../compact/number-map.ts';
import { type DestinationTally, JobTable } from './job-table.ts';
import type { Job, RecipientCounts } from './types.ts';

/** A record in the lane's segments. */
export interface RecordLocation {
  readonly segment: number;
  /** Of the record's header. */
  readonly offset: number;
  /** Header included. */
  readonly length: number;
}

/** What is known of a message at a moment. */
export interface IndexedMessage extends RecordLocation {
  readonly sequence: number;
  readonly size: number;
  readonly arrivedAt: number;
  readonly sender: string;
  /** Name of the body's file, where it has one. */
  readonly body: string | undefined;
  readonly jobs: readonly Job[];
}

/** In the column of sequences: a row that no message has. */
const NOBODY = -1;
/** Rows that are searched in one step: a fraction of a millisecond. */
const STEP = 1 << 12;

export class MessageIndex {
  readonly #sequence = Column.float64();
  readonly #size = Column.float64();
  readonly #arrivedAt = Column.float64();
  readonly #offset = Column.float64();
  readonly #segment = Column.uint32();
  readonly #length = Column.uint32();
  readonly #sender = Column.uint32();
  readonly #jobList = Column.uint32();
  /** How many searches had begun when the message came. */
  readonly #searchesBefore = Column.uint32();
  readonly #rows = new Rows([
    this.#sequence,
    this.#size,
    this.#arrivedAt,
    this.#offset,
    this.#segment,
    this.#length,
    this.#sender,
    this.#jobList,
    this.#searchesBefore,
  ]);
  readonly #rowOf = new NumberMap();
  /** By row. Large messages alone have one. */
  readonly #bodies = new Map<number, string>();
  readonly #jobs = new JobTable();
  readonly #senders = new Interner();
  readonly #live = new Map<number, number>();
  #bytes = 0;
  #totalLive = 0;
  /** Searches that have begun so far. */
  #searches = 0;
  /** Arrival of the oldest message; undefined where it has to be looked for. */
  #oldest: number | undefined = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#rows.size;
  }

  /** Content of all messages, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Arrival of the oldest message, ms since the epoch; Infinity where there is none. */
  get oldest(): number {
    if (this.#oldest === undefined) {
      this.#oldest = Number.POSITIVE_INFINITY;
      for (let row = 0; row < this.#rows.end; row += 1) {
        if (this.#isTaken(row)) this.#oldest = Math.min(this.#oldest, this.#arrivedAt.get(row));
      }
    }
    return this.#oldest;
  }

  get(sequence: number): IndexedMessage | undefined {
    const row = this.#rowOf.get(sequence);
    return row === undefined ? undefined : this.#message(row);
  }

  /** Where its record lies; undefined where there is no such message. */
  locate(sequence: number): RecordLocation | undefined {
    const row = this.#rowOf.get(sequence);
    return row === undefined ? undefined : this.#location(row);
  }

  /** Adds a message, or replaces what was known of it. */
  put(message: IndexedMessage): void {
    this.remove(message.sequence);
    const row = this.#rows.take();
    this.#rowOf.set(message.sequence, row);
    this.#sequence.set(row, message.sequence);
    this.#searchesBefore.set(row, this.#searches);
    this.#size.set(row, message.size);
    this.#arrivedAt.set(row, message.arrivedAt);
    this.#sender.set(row, this.#senders.use(message.sender));
    this.#jobList.set(row, this.#jobs.add(message.jobs));
    if (message.body !== undefined) this.#bodies.set(row, message.body);
    this.#place(row, message);
    this.#bytes += message.size;
    if (this.#oldest !== undefined) this.#oldest = Math.min(this.#oldest, message.arrivedAt);
  }

  /** Gives a message other jobs; nothing where there is no such message. */
  setJobs(sequence: number, jobs: readonly Job[]): void {
    const row = this.#rowOf.get(sequence);
    if (row === undefined) return;
    const old = this.#jobList.get(row);
    this.#jobList.set(row, this.#jobs.add(jobs));
    this.#jobs.remove(old);
  }

  move(sequence: number, to: RecordLocation): void {
    const row = this.#rowOf.get(sequence);
    if (row === undefined) return;
    this.#count(this.#segment.get(row), -this.#length.get(row));
    this.#place(row, to);
  }

  /** Whether there was such a message. */
  remove(sequence: number): boolean {
    const row = this.#rowOf.get(sequence);
    if (row === undefined) return false;
    this.#rowOf.delete(sequence);
    this.#bytes -= this.#size.get(row);
    if (this.#arrivedAt.get(row) === this.#oldest) this.#oldest = undefined;
    this.#count(this.#segment.get(row), -this.#length.get(row));
    this.#senders.release(this.#sender.get(row));
    this.#jobs.remove(this.#jobList.get(row));
    this.#bodies.delete(row);
    this.#sequence.set(row, NOBODY);
    this.#rows.give(row);
    return true;
  }

  /** Removes what lies in segments below `first`. */
  forget(first: number): void {
    if (![...this.#live.keys()].some((segment) => segment < first)) return;
    for (let row = 0; row < this.#rows.end; row += 1) {
      if (this.#isTaken(row) && this.#segment.get(row) < first) this.remove(this.#sequence.get(row));
    }
  }

  /**
   * In no order that is promised. The index may change meanwhile: a message that was there all along is seen once, one
   * that came or left may be seen or not.
   */
  *values(): IterableIterator<IndexedMessage> {
    for (let row = 0; row < this.#rows.end; row += 1) if (this.#isTaken(row)) yield this.#message(row);
  }

  /** As `values`. */
  *sequences(): IterableIterator<number> {
    for (let row = 0; row < this.#rows.end; row += 1) if (this.#isTaken(row)) yield this.#sequence.get(row);
  }

  /** Messages whose record lies in a segment. */
  inSegment(segment: number): number[] {
    const found: number[] = [];
    for (let row = 0; row < this.#rows.end; row += 1) {
      if (this.#isTaken(row) && this.#segment.get(row) === segment) found.push(this.#sequence.get(row));
    }
    return found;
  }

  /**
   * Messages with a job for this destination that is held, or not; what is undefined may be anything. In steps, as there
   * may be a million, of which each gives what it has found: the index may change between two of them. What comes after
   * this call is left out.
   */
  select(destination: string | undefined, held: boolean | undefined): IterableIterator<number[]> {
    this.#searches += 1;
    return this.#search(this.#searches, destination, held);
  }

  *#search(
    number: number,
    destination: string | undefined,
    held: boolean | undefined,
  ): IterableIterator<number[]> {
    for (let from = 0; from < this.#rows.end; from += STEP) {
      const found: number[] = [];
      for (let row = from; row < Math.min(from + STEP, this.#rows.end); row += 1) {
        if (!this.#isTaken(row) || this.#searchesBefore.get(row) >= number) continue;
        if (this.#jobs.matches(this.#jobList.get(row), destination, held))
          found.push(this.#sequence.get(row));
      }
      yield found;
    }
  }

  /** Names of all bodies' files. */
  bodies(): IterableIterator<string> {
    return this.#bodies.values();
  }

  /** As `JobTable.countRecipients`. */
  countRecipients(now: number, counts: RecipientCounts): void {
    this.#jobs.countRecipients(now, counts);
  }

  /** As `JobTable.destinations`. */
  destinations(): IterableIterator<[destination: string, jobs: number]> {
    return this.#jobs.destinations();
  }

  /** As `JobTable.tally`. */
  tally(now: number, tallies: ReadonlyMap<string, DestinationTally>): IterableIterator<void> {
    return this.#jobs.tally(now, tallies);
  }

  /** Bytes of a segment's records that messages still need. */
  liveBytes(segment: number): number {
    return this.#live.get(segment) ?? 0;
  }

  /** Bytes of all segments' records that messages still need. */
  get totalLiveBytes(): number {
    return this.#totalLive;
  }

  #isTaken(row: number): boolean {
    return this.#sequence.get(row) !== NOBODY;
  }

  #message(row: number): IndexedMessage {
    return {
      sequence: this.#sequence.get(row),
      size: this.#size.get(row),
      arrivedAt: this.#arrivedAt.get(row),
      sender: this.#senders.valueOf(this.#sender.get(row)),
      body: this.#bodies.get(row),
      jobs: this.#jobs.read(this.#jobList.get(row)),
      ...this.#location(row),
    };
  }

  #location(row: number): RecordLocation {
    return {
      segment: this.#segment.get(row),
      offset: this.#offset.get(row),
      length: this.#length.get(row),
    };
  }

  #place(row: number, { segment, offset, length }: RecordLocation): void {
    this.#segment.set(row, segment);
    this.#offset.set(row, offset);
    this.#length.set(row, length);
    this.#count(segment, length);
  }

  #count(segment: number, bytes: number): void {
    this.#totalLive += bytes;
    const now = this.liveBytes(segment) + bytes;
    if (now > 0) this.#live.set(segment, now);
    else this.#live.delete(segment);
  }
}
