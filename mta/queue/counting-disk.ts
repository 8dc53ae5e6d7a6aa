/** Counts syncs on their way to a disk. */
import type { Disk, DiskFile } from './disk.ts';

export function countingDisk(disk: Disk, onSync: () => void): Disk {
  const count = (file: DiskFile): DiskFile => ({
    write: (buffers, position) => file.write(buffers, position),
    read: (target, position) => file.read(target, position),
    sync: () => {
      onSync();
      return file.sync();
    },
    size: () => file.size(),
    close: () => file.close(),
  });
  return {
    makeDirectory: (path) => disk.makeDirectory(path),
    create: async (path, options) => count(await disk.create(path, options)),
    open: (path) => disk.open(path),
    openWritable: async (path, options) => count(await disk.openWritable(path, options)),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    unlink: (path) => disk.unlink(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    list: (path) => disk.list(path),
    exists: (path) => disk.exists(path),
    syncDirectory: (path) => {
      onSync();
      return disk.syncDirectory(path);
    },
    freeBytes: (path) => disk.freeBytes(path),
  };
}
