/**
 * Group commit. Records that arrive while a group is being written gather for the next; a group is one write, one sync
 * and one renewal of the lease, and only then do its promises resolve. What has been delivered needn't be known to the
 * disk at once: such records wait for a group that somebody waits for, but not for long.
 *
 * How it fails. A write or sync that fails is never tried again on that file: the segment counts up to its last synced
 * group, as the head of the next segment says; new mail of the group is refused (452 where the volume is full, else
 * 451), and everything that tells of something that has happened (`keep`) is written again in the next segment, from
 * the reserve where the volume is full. If not even a new segment can be had, the lane is given up.
 */
import { type Clock, turn } from '../clock.ts';
import { PostriderError, smtpError } from '../errors.ts';
import { isFull } from './disk.ts';
import { isLoss } from './failure.ts';
import { encodeGroupHeader, GROUP_HEADER } from './format/group.ts';
import type { EncodedRecord } from './format/record.ts';
import type { Lease } from './lease.ts';
import type { RecordLocation } from './message-index.ts';
import type { Segments } from './segments.ts';

/** A group stays below this, so that nobody waits long for another's megabytes; one record may exceed it. */
const GROUP_BYTES = 4 << 20;
/** Turns of the event loop before a group is closed, and how many in a row may bring nothing. */
const GATHER_TURNS = 8;
const TURNS_IN_VAIN = 2;
/** How long a record that may wait does: longer costs less, and leaves more to repeat after a crash. */
const WAIT_MS = 10;
/** Pause between attempts to write on a full volume. */
const FULL_RETRY_MS = 1000;

export interface AppendOptions {
  /** Tells of something that has happened: never refused for want of space, written again after a failure. */
  readonly keep: boolean;
  /** Begins no group of its own for a while: it rides with the next record that can't wait, which saves a sync. */
  readonly mayWait?: boolean;
  /**
   * Called as soon as the record counts, before any other record is written: what compaction goes by must know of it by then.
   * Must not throw.
   */
  readonly placed?: (where: RecordLocation) => void;
}

interface Waiting {
  readonly record: EncodedRecord;
  readonly keep: boolean;
  readonly mayWait: boolean;
  readonly placed: ((where: RecordLocation) => void) | undefined;
  resolve(where: RecordLocation): void;
  reject(error: Error): void;
}

export interface JournalEvents {
  onGroup(records: number, bytes: number, syncSeconds: number): void;
  /** The lane is no longer ours, or can't be written any more. Called once. */
  onLoss(cause: unknown): void;
  /** A group could not be written; where it is for want of space, `isFull(error)`. */
  onFailure(error: unknown): void;
}

export class Journal {
  readonly #segments: Segments;
  readonly #lease: Lease;
  readonly #clock: Clock;
  readonly #events: JournalEvents;
  #sequence: number;
  #waiting: Waiting[] = [];
  /** What is being written. */
  #batch: readonly Waiting[] = [];
  #running: Promise<void> | undefined;
  /** The last group had at most one record that could not wait: perhaps nobody else is about to append. */
  #alone = false;
  /** A group failed: the current segment takes no other. */
  #broken = false;
  #fullUntil = -Infinity;
  /** The volume is full, and so is the reserve. */
  #exhausted = false;
  #ended: Error | undefined;
  #closing = false;
  #endPause: (() => void) | undefined;
  #cancelWait: (() => void) | undefined;
  #writingSince: number | undefined;

  /** @param sequence of the lane's next group */
  constructor(segments: Segments, lease: Lease, clock: Clock, sequence: number, events: JournalEvents) {
    this.#segments = segments;
    this.#lease = lease;
    this.#clock = clock;
    this.#sequence = sequence;
    this.#events = events;
  }

  /**
   * Resolves when the record is on stable storage and the lease has been renewed after that. Rejects with `SmtpError`
   * 451 or 452; where `keep`, only when the lane is lost or closed.
   */
  append(record: EncodedRecord, { keep, mayWait = false, placed }: AppendOptions): Promise<RecordLocation> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#closing) return Promise.reject(shutdown());
    if (!keep && this.#clock.monotonic() < this.#fullUntil) {
      return Promise.reject(smtpError('insufficientStorage'));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, keep, mayWait, placed, resolve, reject });
      if (mayWait) this.#wakeLater();
      else this.#wake();
    });
  }

  /** Monotonic ms at which the group that is being written was begun; undefined where there is none. */
  get writingSince(): number | undefined {
    return this.#writingSince;
  }

  /** Writes what is waiting, unless the volume is full, and takes no more. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#endPause?.();
    if (this.#waiting.length > 0) this.#wake();
    // What came as the last run ended has one of its own.
    while (this.#running !== undefined) await this.#running;
    this.#end(shutdown());
  }

  /** The lane has been lost elsewhere: refuses everything from now on. */
  lose(cause: unknown): void {
    if (this.#ended) return;
    this.#end(smtpError('leaseLost', { cause }));
    this.#lease.abandon();
    this.#events.onLoss(cause);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#endPause?.();
    // A write may never return: whoever waits for it is told now, as there is nothing more to come of it.
    const waiting = [...this.#batch, ...this.#waiting];
    this.#waiting = [];
    for (const one of waiting) one.reject(error);
  }

  #wake(): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length === 0 || this.#ended) return;
      if (this.#due) this.#wake();
      else this.#wakeLater();
    });
  }

  #wakeLater(): void {
    if (this.#running !== undefined) return;
    this.#cancelWait ??= this.#clock.after(WAIT_MS, () => this.#wake());
  }

  /** Whether anything waits that can't. */
  get #due(): boolean {
    return this.#waiting.length > 0 && (this.#closing || this.#waiting.some(({ mayWait }) => !mayWait));
  }

  async #run(): Promise<void> {
    if (!this.#alone || !isOneOf(this.#waiting)) await this.#gather();
    while (this.#waiting.length > 0 && !this.#ended) {
      const batch = this.#take();
      this.#batch = batch;
      this.#alone = isOneOf(batch);
      this.#writingSince = this.#clock.monotonic();
      try {
        const places = await this.#write(batch);
        for (const [i, one] of batch.entries()) {
          one.placed?.(places[i]!);
          one.resolve(places[i]!);
        }
      } catch (error) {
        await this.#failed(batch, error);
      }
      this.#batch = [];
      this.#writingSince = undefined;
      // Whoever has been told notes it before there is another group.
      await this.#gather();
      if (!this.#due) return;
    }
  }

  /**
   * Whoever is about to append shares the group: each turn reads what clients have sent meanwhile. On a busy process
   * that makes groups larger by a third and more; where turns bring nothing it costs some microseconds, which one client
   * alone is spared.
   */
  async #gather(): Promise<void> {
    let inVain = 0;
    for (let turns = 0; turns < GATHER_TURNS && inVain < TURNS_IN_VAIN; turns += 1) {
      const before = this.#waiting.length;
      await turn(this.#clock);
      inVain = this.#waiting.length > before ? 0 : inVain + 1;
    }
  }

  /** The next group: what fits, in the order in which it came. */
  #take(): Waiting[] {
    const most = this.#segments.onReserve ? GROUP_BYTES / 16 : GROUP_BYTES;
    let bytes = 0;
    let count = 0;
    for (const { record } of this.#waiting) {
      if (count > 0 && bytes + record.length > most) break;
      bytes += record.length;
      count += 1;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  async #write(batch: readonly Waiting[]): Promise<RecordLocation[]> {
    const records = batch.map(({ record }) => record);
    const length = records.reduce((sum, record) => sum + record.length, GROUP_HEADER);
    await this.#makeRoom(batch, length);
    const { current } = this.#segments;
    const header = encodeGroupHeader(current.groupMagic, this.#sequence, current.end, records);
    const buffers = [header];
    for (const record of records) buffers.push(...record.buffers);
    try {
      const began = this.#clock.monotonic();
      await current.file.write(buffers, current.end);
      await current.file.sync();
      this.#events.onGroup(records.length, length, (this.#clock.monotonic() - began) / 1000);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    const places = this.#segments.wrote(this.#sequence, records);
    this.#sequence += 1;
    this.#lease.written = { segment: current.number, end: current.end };
    await this.#lease.renew();
    return places;
  }

  async #makeRoom(batch: readonly Waiting[], length: number): Promise<void> {
    const segments = this.#segments;
    const newMail = batch.some(({ keep }) => !keep);
    const leaveReserve = segments.onReserve && newMail;
    if (!this.#broken && !leaveReserve && segments.takes(length)) return;
    try {
      await segments.roll({ mayUseReserve: !newMail });
      await this.#lease.nameSegment(segments.current);
    } catch (error) {
      this.#broken = true;
      this.#exhausted = isFull(error) && !newMail;
      if (isFull(error) || isLoss(error)) throw error;
      throw new PostriderError('LaneLost', 'no segment can be begun in the lane', { cause: error });
    }
    this.#broken = false;
    this.#exhausted = false;
    if (!segments.onReserve) await segments.ensureReserve();
  }

  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (this.#ended) {
      for (const one of batch) one.reject(this.#ended);
      return;
    }
    if (isLoss(error)) {
      this.#waiting.unshift(...batch);
      this.lose(error);
      return;
    }
    const full = isFull(error);
    const refusal = smtpError(full ? 'insufficientStorage' : 'localError', { cause: error });
    const kept: Waiting[] = [];
    for (const one of batch) {
      if (one.keep) kept.push(one);
      else one.reject(refusal);
    }
    this.#waiting.unshift(...kept);
    this.#events.onFailure(error);
    if (!full) return;
    this.#fullUntil = this.#clock.monotonic() + FULL_RETRY_MS;
    if (this.#exhausted) await this.#pause();
  }

  async #pause(): Promise<void> {
    if (this.#closing) return this.#end(shutdown());
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(FULL_RETRY_MS, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}

/** Whether at most one can't wait. */
const isOneOf = (records: readonly Waiting[]): boolean =>
  records.reduce((sum, { mayWait }) => sum + (mayWait ? 0 : 1), 0) <= 1;

const shutdown = (): Error => smtpError('serviceShutdown', { closes: false });
