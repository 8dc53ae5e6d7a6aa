/** Small files on a volume that others may read and write too: read and written whole. Failures are the disk's. */
import { type Disk, errorCode, unlinkIfThere } from './queue/disk.ts';
import type { Random } from './random.ts';

/** What `replaceFile` calls a file until it is whole: of who is gone, it stays. */
export const DRAFT = /\.[0-9a-f]{16}\.new$/;

/** Undefined where there is none; of one that is longer than `most` bytes its beginning, which is no JSON any more. */
export async function readSmall(disk: Disk, path: string, most: number): Promise<string | undefined> {
  const file = await unlessMissing(disk.open(path));
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.alloc(Math.min(most + 1, await file.size()));
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

/**
 * Written beside its name, and renamed: in the place of what was there before.
 *
 * @param target has an extension
 */
export async function replaceFile(
  target: string,
  bytes: Buffer,
  { disk, random }: { readonly disk: Disk; readonly random: Random },
): Promise<void> {
  const draft = target.replace(/\.[^./]+$/, `.${random.bytes(8).toString('hex')}.new`);
  await writeSmall(disk, draft, bytes, () => disk.rename(draft, target));
}

/** None where there is no such folder. */
export const namesIn = async (disk: Disk, path: string): Promise<string[]> =>
  (await unlessMissing(disk.list(path))) ?? [];

/** Undefined for what is no JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
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
