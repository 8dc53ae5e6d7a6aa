/** Keeps damaged bytes aside, for a person to look at: the segment itself is compacted away some day. */
import { join } from 'node:path';
import { type Disk, type DiskFile, errorCode } from './disk.ts';
import { DAMAGED, segmentName } from './layout.ts';

export interface Damage {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
}

/** As recovery finds it. */
export interface FoundDamage extends Damage {
  /** Whether what can be read of it has been copied; else why not. */
  readonly keptAside: true | string;
}

const COPY_BYTES = 1 << 20;

/** Copies a damaged range to `damaged/`, unless it is there as a whole. Rejects with the disk's error. */
export async function keepAside(disk: Disk, folder: string, { segment, from, to }: Damage): Promise<void> {
  const aside = join(folder, DAMAGED);
  await disk.makeDirectory(aside);
  const source = await disk.open(join(folder, segmentName(segment)));
  try {
    const copy = await openCopy(disk, join(aside, `${segmentName(segment)}.${from}`));
    try {
      const isWhole = (await copy.size()) >= to - from;
      for (let at = from; at < to && !isWhole; at += COPY_BYTES) {
        const bytes = Buffer.allocUnsafe(Math.min(COPY_BYTES, to - at));
        const read = await source.read(bytes, at);
        await copy.write([bytes.subarray(0, read)], at - from);
      }
      // Whoever made it may have died before its sync.
      await copy.sync();
    } finally {
      await copy.close();
    }
    await disk.syncDirectory(aside);
  } finally {
    await source.close();
  }
}

/** Whoever began it may have died before its end. */
async function openCopy(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.create(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return disk.openWritable(path);
  }
}
