/**
 * Makes safe what a former owner wrote and perhaps never synced, before anything is built on it. A sync alone would do
 * where it means the file, as on POSIX. Over NFS it means what this client wrote: so the same bytes are written again.
 * That harms nobody, not even a former owner that goes on: what it wrote here it never writes otherwise.
 *
 * Fails with the disk's error. On a volume that is full the bytes may have no room, though they need none on most file
 * systems: then the sync that came before must do.
 */
import { type Disk, type DiskFile, isFull } from './disk.ts';

const CHUNK = 1 << 20;

/** @param to how far the segment counts; nothing but whole groups lies between `from` and there */
export async function makeSafe(disk: Disk, path: string, from: number, to: number): Promise<void> {
  if (from >= to) return;
  // So that a client of NFS writes these bytes alone, and not what it has of the page behind them.
  const file = await disk.openWritable(path, { synchronous: true });
  try {
    await writeAgain(file, from, to).catch((error: unknown) => {
      if (!isFull(error)) throw error;
    });
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeAgain(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += CHUNK) {
    const bytes = Buffer.allocUnsafe(Math.min(CHUNK, to - at));
    const read = await file.read(bytes, at);
    if (read < bytes.length) throw new Error(`a segment ends at ${at + read}, and was seen up to ${to}`);
    await file.write([bytes], at);
  }
}
