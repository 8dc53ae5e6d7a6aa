/**
 * The snapshots of a lane on disk: hints that spare recovery the reading of whole segments. Written aside, synced and
 * renamed, beside the commits; used only for the segment that their group magic names, and only at or below its seal.
 * Nothing hangs on them: one that can't be written, or read, costs a longer recovery, and is said.
 */
import { join } from 'node:path';
import { type Disk, errorCode, unlinkIfThere } from './disk.ts';
import type { SegmentHeader } from './format/segment.ts';
import {
  type DecodedSnapshot,
  decodeSnapshot,
  type SnapshotAbout,
  SnapshotBuilder,
} from './format/snapshot.ts';
import { snapshotDraftName, snapshotName } from './layout.ts';

/** Of a segment's bytes: what is shorter is read as fast as its snapshot. */
const SHORTEST = 1 / 16;
/** Of a segment's bytes: where records are nearly all index, their snapshot saves too little for its memory. */
const LONGEST = 1 / 4;

export interface SnapshotsParts {
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

  /** What is known of a segment without reading it; undefined where it must be read. @param most how far it counts */
  async read({ number, groupMagic }: SegmentHeader, most: number): Promise<DecodedSnapshot | undefined> {
    const { log } = this.#parts;
    let found: DecodedSnapshot | string;
    try {
      found = decodeSnapshot(await this.#bytes(number));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') log({ segment: number, err: error }, 'snapshot can not be read');
      return undefined;
    }
    const why = typeof found === 'string' ? found : reasonToIgnore(found, number, groupMagic, most);
    if (typeof found !== 'string' && why === undefined) return found;
    log({ segment: number, why }, 'snapshot ignored');
    return undefined;
  }

  async #bytes(segment: number): Promise<Buffer> {
    const file = await this.#parts.disk.open(join(this.#parts.folder, snapshotName(segment)));
    try {
      const bytes = Buffer.allocUnsafeSlow(await file.size());
      return bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
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

/** Whether a snapshot says what the segment says as far as it counts. Pure. */
export function reasonToIgnore(
  snapshot: SnapshotAbout,
  segment: number,
  groupMagic: Buffer,
  most: number,
): string | undefined {
  if (snapshot.segment !== segment || !snapshot.groupMagic.equals(groupMagic)) return 'of another segment';
  // A former owner's, of groups that never counted; or the segment has lost its end.
  return snapshot.end > most ? 'beyond what counts of its segment' : undefined;
}
