/** Small files on the volume that are read and written whole. Fails as the disk does. */
import { type Disk, errorCode, unlinkIfThere } from './disk.ts';

/** Undefined where there is none; of one that is longer than `most` bytes its beginning, which is no JSON any more. */
export async function readSmall(disk: Disk, path: string, most: number): Promise<string | undefined> {
  const file = await unlessMissing(disk.open(path));
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.alloc(most + 1);
    return bytes.toString('utf8', 0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/**
 * Writes a draft, which `publish` gives its name: whoever reads that finds it whole.
 *
 * @param draft a path of its own; nothing is left there where this fails
 */
export async function writeSmall(
  disk: Disk,
  draft: string,
  bytes: Buffer,
  publish: () => Promise<void>,
): Promise<void> {
  try {
    const file = await disk.create(draft);
    try {
      await file.write([bytes], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await publish();
  } catch (error) {
    await unlinkIfThere(disk, draft).catch(() => {});
    throw error;
  }
}

/** Undefined where there is no such file or folder. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
