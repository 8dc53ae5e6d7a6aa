/**
 * The reserve of a lane: blocks that are allocated while there is room, and become its next segment when there is none.
 * Each owner has its own, under its epoch: a paused one that takes its reserve late writes into no later owner's segment.
 */
import { join } from 'node:path';
import { PostriderError } from '../errors.ts';
import { type Disk, type DiskFile, errorCode, unlinkIfThere } from './disk.ts';
import { parseReserveName, reserveName } from './layout.ts';

/** Room for what must be written on a full volume: thousands of settlements, and then compaction's records. */
export const RESERVE_BYTES = 2 << 20;
const ZEROS = Buffer.alloc(64 << 10);
/** What a reserve is made of, from the same memory over and over. */
const CONTENT: readonly Buffer[] = Array.from({ length: RESERVE_BYTES / ZEROS.length }, () => ZEROS);

export class Reserve {
  readonly #disk: Disk;
  readonly #path: string;

  /** @param epoch the owner's */
  constructor(disk: Disk, folder: string, epoch: number) {
    this.#disk = disk;
    this.#path = join(folder, reserveName(epoch));
  }

  /** Makes it, where there is none and there is room for it. Never rejects. */
  async ensure(): Promise<void> {
    if (await this.#disk.exists(this.#path).catch(() => true)) return;
    const draft = `${this.#path}.new`;
    try {
      await unlinkIfThere(this.#disk, draft);
      const file = await this.#disk.create(draft);
      try {
        await file.write(CONTENT, 0);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#disk.rename(draft, this.#path);
    } catch {
      // A disk that fails for another reason will say so where it matters.
      await this.#disk.unlink(draft).catch(() => undefined);
    }
  }

  /**
   * Gives it the name of a segment, exclusively. Undefined where there is no reserve; rejects with EEXIST where the name
   * is taken, or with the disk's error.
   */
  async becomes(segment: string): Promise<DiskFile | undefined> {
    try {
      await this.#disk.link(this.#path, segment);
      await this.#disk.unlink(this.#path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    return this.#disk.openWritable(segment);
  }

  /**
   * Rejects unless it has the segment's name, and no longer its own: a crash of the file server may have undone either, and
   * have been told to another. Under its own name it would be removed by the next owner, or be written to once more.
   */
  async assertBecame(segment: string): Promise<void> {
    const hasName = await this.#disk.create(segment).then(
      async (file) => {
        await file.close();
        return false;
      },
      (error: unknown) => errorCode(error) === 'EEXIST',
    );
    if (hasName && !(await this.#disk.exists(this.#path))) return;
    throw new PostriderError('LaneLost', 'a crash of the volume has undone the naming of the reserve');
  }
}

/** Gives back the reserves of former owners, so that there is room for the lane to be adopted on a full volume. */
export async function removeFormerReserves(disk: Disk, folder: string, epoch: number): Promise<void> {
  for (const name of await disk.list(folder)) {
    const madeBy = parseReserveName(name);
    if (madeBy !== undefined && madeBy < epoch) await unlinkIfThere(disk, join(folder, name));
  }
}
