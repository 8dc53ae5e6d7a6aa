/**
 * Bounds work on a disk by its progress rather than by its length: to recover a large lane may take a minute, but an
 * owner that waits for a disk that doesn't answer must not keep the lane from others.
 */
import type { Clock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import type { Disk, DiskFile } from './disk.ts';

/** Rejects with `LaneLost` where nothing has been done for `ms`; what was begun goes on, and nobody hears of its end. */
export async function unlessStalled<T>(
  clock: Clock,
  ms: number,
  disk: Disk,
  work: (disk: Disk) => Promise<T>,
): Promise<T> {
  let last = clock.monotonic();
  let cancel = (): void => undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    const look = (): void => {
      const idle = clock.monotonic() - last;
      if (idle < ms) cancel = clock.after(ms - idle, look);
      else reject(new PostriderError('LaneLost', `the disk has not answered for ${Math.round(idle)} ms`));
    };
    look();
  });
  const noting = notingDisk(disk, () => {
    last = clock.monotonic();
  });
  const done = work(noting);
  try {
    return await Promise.race([done, stalled]);
  } finally {
    cancel();
    done.catch(() => undefined);
  }
}

/** Notes the end of each operation. */
function notingDisk(disk: Disk, note: () => void): Disk {
  const noted = async <T>(doing: Promise<T>): Promise<T> => {
    try {
      return await doing;
    } finally {
      note();
    }
  };
  const opened = async (opening: Promise<DiskFile>): Promise<DiskFile> => {
    const file = await noted(opening);
    return {
      write: (buffers, position) => noted(file.write(buffers, position)),
      read: (target, position) => noted(file.read(target, position)),
      sync: () => noted(file.sync()),
      size: () => noted(file.size()),
      close: () => noted(file.close()),
    };
  };
  return {
    makeDirectory: (path) => noted(disk.makeDirectory(path)),
    create: (path, options) => opened(disk.create(path, options)),
    open: (path) => opened(disk.open(path)),
    openWritable: (path, options) => opened(disk.openWritable(path, options)),
    rename: (from, to) => noted(disk.rename(from, to)),
    link: (from, to) => noted(disk.link(from, to)),
    unlink: (path) => noted(disk.unlink(path)),
    removeDirectory: (path) => noted(disk.removeDirectory(path)),
    list: (path) => noted(disk.list(path)),
    exists: (path) => noted(disk.exists(path)),
    syncDirectory: (path) => noted(disk.syncDirectory(path)),
    freeBytes: (path) => noted(disk.freeBytes(path)),
  };
}
