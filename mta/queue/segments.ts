/**
 * The segments of a lane on disk: which there are, how far each counts, and the one that is being written. A new one is
 * created exclusively: where its name is taken, another owner was here, and the lane is lost. Its head seals all older
 * ones, and is synced, with the folder, before anything is written behind it.
 */
import { join } from 'node:path';
import { PostriderError } from '../errors.ts';
import type { Random } from '../random.ts';
import { type Disk, type DiskFile, errorCode, isFull, unlinkIfThere } from './disk.ts';
import { GROUP_HEADER } from './format/group.ts';
import { type EncodedRecord, RECORD_HEADER } from './format/record.ts';
import { dataStart, encodeSegmentHeader } from './format/segment.ts';
import type { SnapshotBuilder } from './format/snapshot.ts';
import { segmentName } from './layout.ts';
import type { RecordLocation } from './message-index.ts';
import { RESERVE_BYTES, Reserve } from './reserve.ts';
import { SegmentReaders } from './segment-readers.ts';
import type { Snapshots } from './snapshots.ts';

export interface SegmentsStart {
  readonly lane: string;
  readonly folder: string;
  readonly epoch: number;
  /** Number of the oldest living segment. */
  readonly first: number;
  /** How far each counts, from the oldest on. */
  readonly ends: readonly number[];
}

interface Spare {
  readonly file: DiskFile;
  readonly groupMagic: Buffer;
  /** It was the reserve, and mail has no place in it. */
  readonly isReserve: boolean;
}

interface Current {
  readonly number: number;
  readonly file: DiskFile;
  readonly groupMagic: Buffer;
  /** Where the first group went. */
  readonly start: number;
  /** Where the next group goes. */
  end: number;
  /** Bytes that may be written. */
  readonly capacity: number;
  readonly snapshot: SnapshotBuilder;
  /** Sequence of the last group, or 0. */
  lastGroup: number;
}

export class Segments {
  readonly #disk: Disk;
  readonly #random: Random;
  readonly #start: SegmentsStart;
  readonly #capacity: number;
  readonly #snapshots: Snapshots;
  readonly #readers: SegmentReaders;
  readonly #reserve: Reserve;
  /** Of the lane's folder. */
  #first: number;
  #ends: number[];
  #current: Current | undefined;
  #onReserve = false;
  /** Created under the next number, but not begun for want of space. Tried again with the very same head. */
  #spare: Spare | undefined;

  constructor(
    disk: Disk,
    random: Random,
    start: SegmentsStart,
    { capacity, snapshots }: { readonly capacity: number; readonly snapshots: Snapshots },
  ) {
    this.#disk = disk;
    this.#random = random;
    this.#start = start;
    this.#readers = new SegmentReaders(disk, start.folder);
    this.#reserve = new Reserve(disk, start.folder, start.epoch);
    this.#capacity = capacity;
    this.#snapshots = snapshots;
    this.#first = start.first;
    this.#ends = [...start.ends];
  }

  get first(): number {
    return this.#first;
  }

  /** Number of the segment that is being written; closed ones are below. */
  get currentNumber(): number {
    return this.#first + this.#ends.length;
  }

  get current(): Current {
    if (!this.#current) throw new PostriderError('LaneLost', 'the lane has no segment to write to');
    return this.#current;
  }

  get onReserve(): boolean {
    return this.#onReserve;
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.#ends.reduce((sum, end) => sum + end, this.#current?.end ?? 0);
  }

  /** Whether a group of this size goes into the current segment: an empty one takes any. */
  takes(bytes: number): boolean {
    const current = this.#current;
    if (!current) return false;
    return current.end === current.start || current.end + bytes <= current.capacity;
  }

  /** Begins in a file that recovery has created exclusively under the next number. */
  async begin(file: DiskFile): Promise<void> {
    await this.#begin(this.currentNumber, this.#spareOf(file));
    await this.#reserve.ensure();
  }

  /**
   * Closes the current segment where it counts up to now, and begins the next one. Rejects with `LaneLost` where
   * another owner has begun it, else with the disk's error; it may then be called again.
   */
  async roll({ mayUseReserve }: { mayUseReserve: boolean }): Promise<void> {
    if (this.#current) await this.#seal(this.#current);
    if (this.#spare?.isReserve && !mayUseReserve) await this.#passOver();
    try {
      this.#spare ??= this.#spareOf(
        await this.#disk.create(this.#pathOf(this.currentNumber), { synchronous: true }),
      );
      await this.#begin(this.currentNumber, this.#spare);
      this.#spare = undefined;
    } catch (error) {
      if (!isFull(error)) {
        // The name may be used up: what got into the file never counts.
        await this.#passOver();
        throw this.#asLoss(error);
      }
      if (!mayUseReserve) throw error;
      await this.#rollIntoReserve(error);
    }
  }

  async #rollIntoReserve(cause: unknown): Promise<void> {
    // Behind the file that could not be begun.
    const number = this.currentNumber + (this.#spare ? 1 : 0);
    const reserve = await this.#reserve.becomes(this.#pathOf(number)).catch((error: unknown) => {
      throw this.#asLoss(error);
    });
    if (!reserve) throw cause;
    await this.#passOver();
    this.#spare = this.#spareOf(reserve, true);
    await this.#begin(number, this.#spare);
    await this.#reserve.assertBecame(this.#pathOf(number));
    this.#spare = undefined;
  }

  /** Leaves a created file behind as an empty segment. */
  async #passOver(): Promise<void> {
    if (!this.#spare) return;
    this.#ends.push(0);
    const { file } = this.#spare;
    this.#spare = undefined;
    await file.close().catch(() => undefined);
  }

  #spareOf(file: DiskFile, isReserve = false): Spare {
    return { file, groupMagic: this.#random.bytes(8), isReserve };
  }

  /** Makes a reserve, where there is none and there is room for it. */
  ensureReserve(): Promise<void> {
    return this.#reserve.ensure();
  }

  /** A group has been written at the end of the current segment, and synced. The result says where its records lie. */
  wrote(group: number, records: readonly EncodedRecord[]): RecordLocation[] {
    const { current } = this;
    const places: RecordLocation[] = [];
    let offset = current.end + GROUP_HEADER;
    for (const { type, buffers, length } of records) {
      places.push({ segment: current.number, offset, length });
      current.snapshot.add({ type, offset, length, payload: buffers[0]!.subarray(RECORD_HEADER) });
      offset += length;
    }
    current.end = offset;
    current.lastGroup = group;
    return places;
  }

  /** Reads a record as it lies in its segment. */
  read(where: RecordLocation): Promise<Buffer> {
    return this.#readers.read(where);
  }

  /** Forgets and unlinks the segments below `number`; the record that says so is durable. */
  async drop(number: number): Promise<void> {
    while (this.#first < number && this.#ends.length > 0) {
      await this.#readers.close(this.#first);
      await this.#snapshots.remove(this.#first);
      await unlinkIfThere(this.#disk, this.#pathOf(this.#first));
      this.#first += 1;
      this.#ends.shift();
    }
  }

  /** Closes for good, and leaves a snapshot of the last segment behind. */
  async release(): Promise<void> {
    if (this.#current) await this.#snapshot(this.#current);
    await this.close();
  }

  async close(): Promise<void> {
    await this.#snapshots.settled();
    await this.#readers.closeAll();
    await this.#spare?.file.close().catch(() => undefined);
    await this.#current?.file.close().catch(() => undefined);
    this.#current = undefined;
  }

  async #seal(current: Current): Promise<void> {
    // One that took no group is nothing to miss.
    this.#ends.push(current.end > current.start ? current.end : 0);
    this.#current = undefined;
    void this.#snapshot(current);
    await current.file.close().catch(() => undefined);
  }

  /** Nobody waits for it; on a full volume it would take room from mail. */
  async #snapshot({ snapshot, number, groupMagic, end, lastGroup }: Current): Promise<void> {
    if (!this.#onReserve)
      await this.#snapshots.write(snapshot, { segment: number, groupMagic, end, lastGroup });
  }

  async #begin(number: number, { file, groupMagic, isReserve }: Spare): Promise<void> {
    const { lane, folder, epoch } = this.#start;
    // A copy: segments may be dropped while it is written, and groups begin behind the head as it was.
    const header = { lane, number, epoch, groupMagic, seal: [...this.#ends] };
    await file.write([encodeSegmentHeader(header)], 0);
    await file.sync();
    await this.#disk.syncDirectory(folder);
    const end = dataStart(header);
    const snapshot = this.#snapshots.builder();
    const capacity = isReserve ? RESERVE_BYTES : this.#capacity;
    this.#onReserve = isReserve;
    this.#current = { number, file, groupMagic, start: end, end, capacity, snapshot, lastGroup: 0 };
  }

  #pathOf(segment: number): string {
    return join(this.#start.folder, segmentName(segment));
  }

  #asLoss(error: unknown): unknown {
    return errorCode(error) === 'EEXIST'
      ? new PostriderError('LaneLost', 'another owner has begun the next segment of the lane', {
          cause: error,
        })
      : error;
  }
}
