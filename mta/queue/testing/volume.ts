/**
 * What a volume holds, and what is left of it after a crash: bytes and names that were not synced are lost, kept or
 * torn, as a seed decides, file by file and name by name. Pure, but for the state that it is; what a disk answers, and
 * when, is for the disks that are made of it.
 */

/** Bytes that were written and not yet synced; without `bytes` they are zeros. */
export interface Write {
  readonly position: number;
  readonly length: number;
  readonly bytes: Buffer | undefined;
}

const EMPTY = Buffer.alloc(0);
/** Bytes at the beginning of a write that are mostly headers. */
export const HEADERS = 96;
/** Memory that has been found to hold nothing but zeros: a reserve is megabytes of it. */
const zeros = new WeakSet<Buffer>();

/** Makes one write of several buffers; a copy, as a disk's is. */
export function writeOf(buffers: readonly Buffer[], position: number): Write {
  const first = buffers[0] ?? EMPTY;
  if (buffers.length > 8 && buffers.every((buffer) => buffer === first)) {
    if (!zeros.has(first) && first.every((byte) => byte === 0)) zeros.add(first);
    if (zeros.has(first)) return { position, length: first.length * buffers.length, bytes: undefined };
  }
  const bytes = Buffer.concat(buffers);
  return { position, length: bytes.length, bytes };
}

/** The part of a write from `from` to `to`, counted from its own beginning. */
export const partOf = ({ position, bytes }: Write, from: number, to: number): Write => ({
  position: position + from,
  length: to - from,
  bytes: bytes?.subarray(from, to),
});

/** Puts what a write says about a range of a file into `target`, which begins at `from`. */
export function overlay(target: Buffer, from: number, { position, length, bytes }: Write): void {
  const begin = Math.max(from, position);
  const end = Math.min(from + target.length, position + length);
  if (begin >= end) return;
  if (bytes) bytes.copy(target, begin - from, begin - position, end - position);
  else target.fill(0, begin - from, end - from);
}

export class FileNode {
  readonly kind = 'file';
  /** Synced bytes; what lies behind them, up to `#syncedSize`, is zeros. */
  #synced = EMPTY;
  #syncedLength = 0;
  #syncedSize = 0;
  /** Since the last sync, in order. */
  unsynced: Write[] = [];
  size = 0;

  write(write: Write): void {
    this.unsynced.push(write);
    this.size = Math.max(this.size, write.position + write.length);
  }

  /** Everything that was written is safe now. */
  sync(): void {
    for (const write of this.unsynced) this.#keep(write);
    this.unsynced = [];
  }

  /** Fills `target` as far as the file goes. @param size how far that is, where it is looked at as it once was */
  read(target: Buffer, position: number, size = this.size): number {
    const length = Math.max(0, Math.min(target.length, size - position));
    if (length === 0) return 0;
    const wanted = target.subarray(0, length);
    const kept = Math.max(0, Math.min(length, this.#syncedLength - position));
    if (kept > 0) this.#synced.copy(wanted, 0, position, position + kept);
    if (kept < length) wanted.fill(0, kept);
    for (const write of this.unsynced) overlay(wanted, position, write);
    return length;
  }

  /** Other content, as if it had been there all the time. */
  replace(bytes: Buffer): void {
    const { length } = bytes;
    this.unsynced = [];
    this.#synced = Buffer.from(bytes);
    this.#syncedLength = length;
    this.#syncedSize = length;
    this.size = length;
  }

  bytes(): Buffer {
    const bytes = Buffer.alloc(this.size);
    this.read(bytes, 0);
    return bytes;
  }

  /** The file after a crash: a write is cut, there as a whole, or gone; at a byte's boundary, not a sector's: harder. */
  survivor(fraction: () => number): FileNode {
    const after = new FileNode();
    after.#synced = Buffer.from(this.#synced.subarray(0, this.#syncedLength));
    after.#syncedLength = this.#syncedLength;
    after.#syncedSize = this.#syncedSize;
    for (const write of this.unsynced) {
      const fate = fraction();
      // What stands first says the most: headers are cut more often than their share.
      const most = fraction() < 0.7 ? Math.min(write.length, HEADERS) : write.length;
      const kept = fate < 0.3 ? 0 : fate < 0.6 ? write.length : Math.floor(fraction() * most);
      if (kept > 0) after.#keep(partOf(write, 0, kept));
      // The length may have been made durable without the bytes.
      if (fraction() < 0.4) after.#syncedSize = Math.max(after.#syncedSize, write.position + write.length);
    }
    after.size = after.#syncedSize;
    return after;
  }

  #keep({ position, length, bytes }: Write): void {
    const end = position + length;
    this.#syncedSize = Math.max(this.#syncedSize, end);
    this.size = Math.max(this.size, end);
    if (bytes) {
      this.#reserve(end);
      if (position > this.#syncedLength) this.#synced.fill(0, this.#syncedLength, position);
      bytes.copy(this.#synced, position);
      this.#syncedLength = Math.max(this.#syncedLength, end);
    } else if (position < this.#syncedLength) {
      this.#synced.fill(0, position, Math.min(end, this.#syncedLength));
    }
  }

  #reserve(length: number): void {
    if (length <= this.#synced.length) return;
    const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#synced.length, 1024));
    this.#synced.copy(larger, 0, 0, this.#syncedLength);
    this.#synced = larger;
  }
}

export type Names = Map<string, FileNode | DirectoryNode>;

interface NameChange {
  /** Names that it makes or takes away: what it shares with an earlier change, it comes after. */
  readonly touches: readonly string[];
  readonly number: number;
  apply(names: Names): void;
}

export class DirectoryNode {
  readonly kind = 'directory';
  names: Names = new Map();
  synced: Names = new Map();
  /** Changes since the last sync, in order. */
  #unsynced: NameChange[] = [];
  /** Number of the last change. */
  lastChange = 0;

  put(name: string, node: FileNode | DirectoryNode): void {
    this.#change([name], (names) => names.set(name, node));
  }

  /** A second name of a file; never there without what made the first. */
  link(from: string, to: string, node: FileNode): void {
    this.#change([from, to], (names) => names.set(to, node));
  }

  remove(name: string): void {
    this.#change([name], (names) => names.delete(name));
  }

  rename(from: string, to: string, node: FileNode | DirectoryNode): void {
    this.#change([from, to], (names) => {
      names.delete(from);
      names.set(to, node);
    });
  }

  /** Whether a crash may take or bring back a name. */
  get hasUnsynced(): boolean {
    return this.#unsynced.length > 0;
  }

  /** @param upTo number of the last change that it is about: later ones may be left out */
  sync(upTo = this.lastChange): void {
    const isCovered = ({ number }: NameChange): boolean => number <= upTo;
    for (const change of this.#unsynced) if (isCovered(change)) change.apply(this.synced);
    this.#unsynced = this.#unsynced.filter((change) => !isCovered(change));
  }

  /** The directory, and all below it, after a crash. @param known of files, as they may have several names */
  survivor(fraction: () => number, known: Map<FileNode, FileNode>): DirectoryNode {
    const names: Names = new Map(this.synced);
    for (const change of this.#survivingChanges(fraction)) change.apply(names);
    const after = new DirectoryNode();
    for (const [name, child] of names) {
      if (child.kind === 'directory') after.names.set(name, child.survivor(fraction, known));
      else {
        const file = known.get(child) ?? child.survivor(fraction);
        known.set(child, file);
        after.names.set(name, file);
      }
    }
    after.synced = new Map(after.names);
    after.lastChange = this.lastChange;
    return after;
  }

  /**
   * A prefix, as a file system with a journal keeps it, mostly one that lacks little; or any, as POSIX allows, those of one
   * name in order.
   */
  #survivingChanges(fraction: () => number): readonly NameChange[] {
    const changes = this.#unsynced;
    const fate = fraction();
    if (fate < 0.25) return changes.slice(0, Math.floor(fraction() * (changes.length + 1)));
    if (fate < 0.5) return changes.slice(0, Math.max(0, changes.length - Math.floor(fraction() * 4)));
    const chance = fraction();
    const lost = new Set<string>();
    return changes.filter(({ touches }) => {
      const survives = fraction() < chance && !touches.some((name) => lost.has(name));
      if (!survives) for (const name of touches) lost.add(name);
      return survives;
    });
  }

  #change(touches: readonly string[], apply: (names: Names) => void): void {
    apply(this.names);
    this.lastChange += 1;
    this.#unsynced.push({ touches, number: this.lastChange, apply });
  }
}

export const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '');

/** Bytes of all files below a directory. */
export function usedBy(node: DirectoryNode, seen = new Set<FileNode>()): number {
  let sum = 0;
  for (const child of node.names.values()) {
    if (child.kind === 'directory') sum += usedBy(child, seen);
    else if (!seen.has(child)) {
      seen.add(child);
      sum += child.size;
    }
  }
  return sum;
}
