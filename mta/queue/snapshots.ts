/**
 * The snapshots of a lane on disk: hints that spare recovery the reading of whole segments. Written aside, synced and
 * renamed, beside the commits; used only for the segment that their group magic names, and only where they say all that counts of it.
 * Nothing hangs on them: one that can't be written, or read, costs a longer recovery, and is said.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Clock, turn } from '../clock.ts';
import { type Disk, type DiskFile, errorCode, unlinkIfThere } from './disk.ts';
import type { SegmentHeader } from './format/segment.ts';
import {
  decodeSnapshotEntry,
  decodeSnapshotHead,
  SNAPSHOT_HEADER,
  type SnapshotAbout,
  SnapshotBuilder,
  type SnapshotEntry,
  type SnapshotHead,
} from './format/snapshot.ts';
import { snapshotDraftName, snapshotName } from './layout.ts';

/** Of a segment's bytes: what is shorter is read as fast as its snapshot. */
const SHORTEST = 1 / 16;
/** Of a segment's bytes: where records are nearly all index, their snapshot saves too little for its memory. */
const LONGEST = 1 / 4;
/** Bytes read at a time. */
const WINDOW = 1 << 20;
/** Entries applied in one turn of the event loop. */
const PORTION = 1000;

export interface SnapshotsParts {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly folder: string;
  /** Number of the lease by which its writer claimed the lane. */
  readonly epoch: number;
  readonly segmentBytes: number;
  log(fields: object, message: string): void;
}

export class Snapshots {
  readonly #parts: SnapshotsParts;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: SnapshotsParts) {
    this.#parts = parts;
  }

  builder(): SnapshotBuilder {
    return new SnapshotBuilder(this.#parts.segmentBytes * LONGEST);
  }

  /** Writes a segment's snapshot, where it is worth it; `end` must have been synced. Resolves when it is there, or not. */
  write(builder: SnapshotBuilder, about: Omit<SnapshotAbout, 'epoch'>): Promise<void> {
    if (about.end < this.#parts.segmentBytes * SHORTEST) return Promise.resolve();
    const bytes = builder.finish({ ...about, epoch: this.#parts.epoch });
    if (!bytes) return Promise.resolve();
    this.#writing = this.#writing.then(() => this.#write(about.segment, bytes));
    return this.#writing;
  }

  /** Removes that of a segment which is being dropped. */
  async remove(segment: number): Promise<void> {
    await this.#writing;
    const { disk, folder } = this.#parts;
    await unlinkIfThere(disk, join(folder, snapshotName(segment)));
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#writing;
  }

  /**
   * Tells `apply` what is known of a segment without reading it; undefined where it must be read all the same: applying
   * a record again comes to the same. Checks first and then applies, a window at a time: never is a whole one in memory.
   *
   * @param counted how far the segment counts
   */
  async replay(
    { number, groupMagic }: SegmentHeader,
    counted: number,
    apply: (entry: SnapshotEntry) => void,
  ): Promise<SnapshotAbout | undefined> {
    const { disk, folder, log } = this.#parts;
    let file: DiskFile | undefined;
    try {
      file = await disk.open(join(folder, snapshotName(number)));
      const head = await readHead(file);
      const why = typeof head === 'string' ? head : reasonToIgnore(head, number, groupMagic, counted);
      if (typeof head !== 'string' && why === undefined) {
        await this.#applyAll(file, head.length, apply);
        return head;
      }
      log({ segment: number, why }, 'snapshot ignored');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') log({ segment: number, err: error }, 'snapshot can not be read');
    } finally {
      await file?.close();
    }
    return undefined;
  }

  async #applyAll(file: DiskFile, length: number, apply: (entry: SnapshotEntry) => void): Promise<void> {
    const end = SNAPSHOT_HEADER + length;
    let size = WINDOW;
    let applied = 0;
    for (let at = SNAPSHOT_HEADER; at < end; ) {
      const window = await readAt(file, at, Math.min(size, end - at));
      let done = 0;
      for (let next = decodeSnapshotEntry(window, 0); next; next = decodeSnapshotEntry(window, done)) {
        apply(next.entry);
        done += next.length;
        applied += 1;
        if (applied % PORTION === 0) await turn(this.#parts.clock);
      }
      at += done;
      if (done > 0) continue;
      if (window.length < Math.min(size, end - at)) throw new Error(`a snapshot ends at ${at} of ${end}`);
      size *= 2;
    }
  }

  async #write(segment: number, chunks: readonly Buffer[]): Promise<void> {
    const { disk, folder, epoch, log } = this.#parts;
    const draft = join(folder, snapshotDraftName(segment, epoch));
    try {
      const file = await disk.create(draft);
      try {
        let at = 0;
        for (const chunk of chunks) {
          await file.write([chunk], at);
          at += chunk.length;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await disk.rename(draft, join(folder, snapshotName(segment)));
    } catch (error) {
      log({ segment, err: error }, 'snapshot could not be written');
      await disk.unlink(draft).catch(() => undefined);
    }
  }
}

/** The head of a snapshot whose entries are as they were written, or why it can't be used. */
async function readHead(file: DiskFile): Promise<SnapshotHead | string> {
  const head = decodeSnapshotHead(await readAt(file, 0, SNAPSHOT_HEADER));
  if (typeof head === 'string') return head;
  const end = SNAPSHOT_HEADER + head.length;
  let crc = 0;
  for (let at = SNAPSHOT_HEADER; at < end; at += WINDOW) {
    const bytes = await readAt(file, at, Math.min(WINDOW, end - at));
    if (bytes.length < Math.min(WINDOW, end - at)) return 'damaged';
    crc = crc32(bytes, crc);
  }
  return crc === head.crc ? head : 'damaged';
}

async function readAt(file: DiskFile, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, await file.read(bytes, at));
}

/** Why a snapshot doesn't say what the segment says as far as it counts, if so. Pure. */
export function reasonToIgnore(
  snapshot: SnapshotAbout,
  segment: number,
  groupMagic: Buffer,
  counted: number,
): string | undefined {
  if (snapshot.segment !== segment || !snapshot.groupMagic.equals(groupMagic)) return 'of another segment';
  if (snapshot.end === counted) return undefined;
  // A former owner's, of groups that never counted, or made before the last did; or the segment has lost its end.
  return snapshot.end > counted ? 'beyond what counts of its segment' : 'short of what counts of its segment';
}
