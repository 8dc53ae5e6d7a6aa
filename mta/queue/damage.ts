/** Keeps damaged bytes aside, for a person to look at: the segment itself is compacted away some day. */
import { join } from 'node:path';
import { type Disk, errorCode } from './disk.ts';
import { DAMAGED, segmentName } from './layout.ts';

export interface Damage {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
}

const COPY_BYTES = 1 << 20;

/** Copies a damaged range to `damaged/`, once. Rejects with the disk's error. */
export async function keepAside(disk: Disk, folder: string, { segment, from, to }: Damage): Promise<void> {
  await disk.makeDirectory(join(folder, DAMAGED));
  const name = join(folder, DAMAGED, `${segmentName(segment)}.${from}`);
  const source = await disk.open(join(folder, segmentName(segment)));
  try {
    const copy = await disk.create(name);
    try {
      for (let at = from; at < to; at += COPY_BYTES) {
        const bytes = Buffer.allocUnsafe(Math.min(COPY_BYTES, to - at));
        const read = await source.read(bytes, at);
        await copy.write([bytes.subarray(0, read)], at - from);
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await source.close();
  }
}
