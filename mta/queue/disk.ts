/**
 * Every operation of the queue on storage, as a parameter: the simulation puts its own disk here. Only operations that
 * POSIX and NFS make atomic are offered. Failures are rejections with `code` as in errno(3).
 */
import * as fs from 'node:fs';
import { promisify } from 'node:util';

export interface DiskFile {
  /** Writes all bytes at `position`, or rejects: a short write is an error (code `ESHORT`). */
  write(buffers: readonly Buffer[], position: number): Promise<void>;
  /** Fills `target` from `position` as far as the file goes; resolves with the number of bytes read. */
  read(target: Buffer, position: number): Promise<number>;
  /** Resolves when the bytes, and the length, are on stable storage: fdatasync. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface Disk {
  /** Makes a directory in one that exists; no error where it is there. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Creates a file for writing and reading; rejects with EEXIST where the name is taken. Where it is `synchronous`, a
   * write may do what a sync does, and the sync after it cost nothing: for files that are synced after each write.
   */
  create(path: string, options?: { readonly synchronous?: boolean }): Promise<DiskFile>;
  /** Opens for reading. */
  open(path: string): Promise<DiskFile>;
  /** Opens an existing file for writing and reading; `synchronous` as in `create`. */
  openWritable(path: string, options?: { readonly synchronous?: boolean }): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name; rejects with EEXIST where that is taken. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDirectory(path: string): Promise<void>;
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Resolves when the directory's names are on stable storage. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that this process may still allocate on the volume. */
  freeBytes(path: string): Promise<number>;
}

/** The errno name of a failure, or an empty string. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/**
 * Whether a failure says that the volume, or our share of it, is used up. A write to a file comes up short when the
 * room ends within it: the next one would have said ENOSPC.
 */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'ESHORT'].includes(errorCode(error));
}

/** Removes a file that may have gone already. */
export async function unlinkIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

// Callbacks in place of fs.promises: a FileHandle costs twice the main thread's time per call.
const open = promisify(fs.open);
const close = promisify(fs.close);
const fdatasync = promisify(fs.fdatasync);
const fstat = promisify(fs.fstat);
const rename = promisify(fs.rename);

/** POSIX lets writev(2) take 1,024 buffers (IOV_MAX) at once. */
const MOST_BUFFERS = 1024;

function writeOnce(fd: number, buffers: readonly Buffer[], position: number): Promise<void> {
  const wanted = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, written: number): void => {
      if (error) reject(error);
      else if (written !== wanted) {
        reject(Object.assign(new Error(`wrote ${written} of ${wanted} bytes`), { code: 'ESHORT' }));
      } else resolve();
    };
    const [only] = buffers;
    if (buffers.length === 1 && only) fs.write(fd, only, 0, only.length, position, done);
    else fs.writev(fd, buffers as Buffer[], position, done);
  });
}

/** Closes when nothing is under way: the descriptor's number may be another file's a moment later. */
class NodeFile implements DiskFile {
  readonly #fd: number;
  /** Opened with O_DSYNC: each write is followed by its fdatasync within the one call (open(2)). */
  readonly #synchronous: boolean;
  #underWay = 0;
  #closing = false;
  #idle: () => void = () => undefined;

  constructor(fd: number, synchronous = false) {
    this.#fd = fd;
    this.#synchronous = synchronous;
  }

  write(buffers: readonly Buffer[], position: number): Promise<void> {
    return this.#use(() => this.#write(buffers, position));
  }

  read(target: Buffer, position: number): Promise<number> {
    return this.#use(() => this.#read(target, position));
  }

  sync(): Promise<void> {
    return this.#use(() => (this.#synchronous ? Promise.resolve() : fdatasync(this.#fd)));
  }

  size(): Promise<number> {
    return this.#use(async () => (await fstat(this.#fd)).size);
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await close(this.#fd);
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw Object.assign(new Error('the file has been closed'), { code: 'EBADF' });
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#idle();
    }
  }

  async #write(buffers: readonly Buffer[], position: number): Promise<void> {
    if (buffers.length <= MOST_BUFFERS) return writeOnce(this.#fd, buffers, position);
    let at = position;
    for (let i = 0; i < buffers.length; i += MOST_BUFFERS) {
      const part = buffers.slice(i, i + MOST_BUFFERS);
      await writeOnce(this.#fd, part, at);
      at += part.reduce((sum, buffer) => sum + buffer.length, 0);
    }
  }

  async #read(target: Buffer, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const read = await new Promise<number>((resolve, reject) =>
        fs.read(this.#fd, target, filled, target.length - filled, position + filled, (error, count) =>
          error ? reject(error) : resolve(count),
        ),
      );
      if (read === 0) break;
      filled += read;
    }
    return filled;
  }
}

/** The file system of this machine. */
export const nodeDisk: Disk = {
  async makeDirectory(path) {
    await fs.promises.mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  },
  async create(path, { synchronous = false } = {}) {
    const { O_RDWR, O_CREAT, O_EXCL, O_DSYNC } = fs.constants;
    const flags = O_RDWR | O_CREAT | O_EXCL | (synchronous ? O_DSYNC : 0);
    return new NodeFile(await open(path, flags, 0o600), synchronous);
  },
  open: async (path) => new NodeFile(await open(path, 'r')),
  async openWritable(path, { synchronous = false } = {}) {
    const { O_RDWR, O_DSYNC } = fs.constants;
    return new NodeFile(await open(path, O_RDWR | (synchronous ? O_DSYNC : 0)), synchronous);
  },
  rename,
  link: (from, to) => fs.promises.link(from, to),
  unlink: (path) => fs.promises.unlink(path),
  removeDirectory: (path) => fs.promises.rmdir(path),
  list: (path) => fs.promises.readdir(path),
  async exists(path) {
    try {
      await fs.promises.stat(path);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  },
  async syncDirectory(path) {
    const handle = await fs.promises.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async freeBytes(path) {
    // Blocks are counted in `frsize`; `bsize` is what the file system likes to transfer, and may be larger.
    const { bavail, frsize } = await fs.promises.statfs(path);
    return bavail * frsize;
  },
};

/** What an error says, without its name. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
