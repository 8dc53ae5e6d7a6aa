/**
 * A disk in memory that forgets as a real one may: what was not synced is lost, kept, or torn at a crash, as a seed
 * decides, file by file and name by name. Also fails, fills up, and stops at a chosen step.
 */
import { basename, dirname } from 'node:path';
import type { Disk, DiskFile } from '../disk.ts';

class FileNode {
  readonly kind = 'file';
  bytes = Buffer.alloc(0);
  /** Writes since the last sync; undefined marks what the sync covered as safe. */
  unsynced: { readonly position: number; readonly bytes: Buffer }[] = [];
  synced = Buffer.alloc(0);
}

type Names = Map<string, FileNode | DirectoryNode>;

interface NameChange {
  /** Names that it makes or takes away: what it shares with an earlier change, it comes after. */
  readonly touches: readonly string[];
  apply(names: Names): void;
}

class DirectoryNode {
  readonly kind = 'directory';
  names: Names = new Map();
  synced: Names = new Map();
  /** Changes since the last sync, in order. */
  unsynced: NameChange[] = [];

  change(touches: readonly string[], apply: (names: Names) => void): void {
    apply(this.names);
    this.unsynced.push({ touches, apply });
  }
}

export interface Step {
  readonly operation: string;
  readonly path: string;
}

/** An error as node:fs makes it. */
export function diskError(code: string, step: Step): Error {
  return Object.assign(new Error(`${code}: ${step.operation} '${step.path}'`), { code });
}

export class MemoryDisk implements Disk {
  readonly #root: DirectoryNode;
  /** Every step that changes something, or makes it durable. */
  readonly steps: Step[] = [];
  /** Called before each step; an error that it returns is the outcome. */
  inject: (step: Step) => Error | undefined = () => undefined;
  /** Steps until the machine stops: from there on nothing happens, and nothing is answered. */
  stopAfter = Number.POSITIVE_INFINITY;
  capacity = Number.POSITIVE_INFINITY;
  #down = false;
  #stopped: () => void = () => undefined;
  readonly stopped: Promise<void>;

  constructor(root: DirectoryNode = new DirectoryNode()) {
    this.#root = root;
    this.stopped = new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /** The same disk after the machine has stopped and started. @param fraction a seeded source in [0, 1) */
  restart(fraction: () => number): MemoryDisk {
    this.#down = true;
    return new MemoryDisk(survivors(this.#root, fraction, new Map()));
  }

  /** The same disk after the process alone has died: what it wrote is there. */
  reopen(): MemoryDisk {
    this.#down = true;
    return new MemoryDisk(this.#root);
  }

  /** What a file holds now, for looking at it and for damaging it. */
  bytesOf(path: string): Buffer {
    return this.#file(path, { operation: 'look', path }).bytes;
  }

  /** Changes a file behind the queue's back. */
  damage(path: string, change: (bytes: Buffer) => Buffer): void {
    const node = this.#file(path, { operation: 'damage', path });
    node.bytes = Buffer.from(change(Buffer.from(node.bytes)));
    node.synced = node.bytes;
    node.unsynced = [];
  }

  get used(): number {
    return usedBy(this.#root, new Set());
  }

  async makeDirectory(path: string): Promise<void> {
    let node = this.#root;
    let at = '';
    for (const name of parts(path)) {
      at += `/${name}`;
      let child = node.names.get(name);
      if (!child) {
        await this.#step('makeDirectory', at);
        child = node.names.get(name);
        const made = child ?? new DirectoryNode();
        if (!child) node.change([name], (names) => names.set(name, made));
        child = made;
      }
      if (child.kind !== 'directory') throw diskError('ENOTDIR', { operation: 'makeDirectory', path });
      node = child;
    }
  }

  async create(path: string): Promise<DiskFile> {
    const step = await this.#step('create', path);
    const parent = this.#directory(dirname(path), step);
    if (parent.names.has(basename(path))) throw diskError('EEXIST', step);
    const node = new FileNode();
    parent.change([basename(path)], (names) => names.set(basename(path), node));
    return this.#handle(path, node);
  }

  async open(path: string): Promise<DiskFile> {
    return this.#handle(path, this.#file(path, await this.#look('open', path)));
  }

  async openWritable(path: string): Promise<DiskFile> {
    return this.open(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const step = await this.#step('rename', to);
    const parent = this.#directory(dirname(from), step);
    if (dirname(to) !== dirname(from)) throw diskError('EXDEV', step);
    const node = parent.names.get(basename(from));
    if (!node) throw diskError('ENOENT', { operation: 'rename', path: from });
    parent.change([basename(from), basename(to)], (names) => {
      names.delete(basename(from));
      names.set(basename(to), node);
    });
  }

  async link(from: string, to: string): Promise<void> {
    const step = await this.#step('link', to);
    const node = this.#file(from, step);
    const parent = this.#directory(dirname(to), step);
    if (parent.names.has(basename(to))) throw diskError('EEXIST', step);
    parent.change([basename(from), basename(to)], (names) => names.set(basename(to), node));
  }

  async unlink(path: string): Promise<void> {
    const step = await this.#step('unlink', path);
    const parent = this.#directory(dirname(path), step);
    const node = parent.names.get(basename(path));
    if (!node) throw diskError('ENOENT', step);
    if (node.kind === 'directory') throw diskError('EISDIR', step);
    parent.change([basename(path)], (names) => names.delete(basename(path)));
  }

  async removeDirectory(path: string): Promise<void> {
    const step = await this.#step('removeDirectory', path);
    if (this.#directory(path, step).names.size > 0) throw diskError('ENOTEMPTY', step);
    const name = basename(path);
    this.#directory(dirname(path), step).change([name], (names) => names.delete(name));
  }

  async list(path: string): Promise<string[]> {
    return [...this.#directory(path, await this.#look('list', path)).names.keys()];
  }

  async exists(path: string): Promise<boolean> {
    await this.#look('exists', path);
    return this.#find(path) !== undefined;
  }

  async syncDirectory(path: string): Promise<void> {
    const node = this.#directory(path, await this.#step('syncDirectory', path));
    node.synced = new Map(node.names);
    node.unsynced = [];
  }

  async freeBytes(path: string): Promise<number> {
    await this.#look('freeBytes', path);
    return this.capacity - this.used;
  }

  #handle(path: string, node: FileNode): DiskFile {
    return {
      write: async (buffers, position) => {
        const bytes = Buffer.concat(buffers);
        const step = await this.#step('write', path, () => torn(node, bytes, position));
        const end = position + bytes.length;
        const growth = Math.max(0, end - node.bytes.length);
        const room = Number.isFinite(this.capacity) ? this.capacity - this.used : growth;
        if (growth > room) {
          apply(node, bytes.subarray(0, Math.max(0, bytes.length - growth + room)), position);
          throw diskError('ENOSPC', step);
        }
        apply(node, bytes, position);
      },
      read: async (target, position) => {
        await this.#look('read', path);
        return node.bytes.copy(target, 0, position);
      },
      sync: async () => {
        await this.#step('sync', path);
        node.synced = node.bytes;
        node.unsynced = [];
      },
      size: async () => node.bytes.length,
      close: async () => undefined,
    };
  }

  /** @param half what the step leaves behind where the machine stops in the middle of it */
  async #step(operation: string, path: string, half?: () => void): Promise<Step> {
    const step = await this.#look(operation, path);
    if (this.steps.length >= this.stopAfter) {
      half?.();
      this.#down = true;
      this.#stopped();
      return new Promise<never>(() => undefined);
    }
    this.steps.push(step);
    return step;
  }

  async #look(operation: string, path: string): Promise<Step> {
    const step = { operation, path };
    if (this.#down) return new Promise<never>(() => undefined);
    const error = this.inject(step);
    if (error) throw error;
    return step;
  }

  #find(path: string): FileNode | DirectoryNode | undefined {
    let node: FileNode | DirectoryNode | undefined = this.#root;
    for (const name of parts(path)) node = node?.kind === 'directory' ? node.names.get(name) : undefined;
    return node;
  }

  #directory(path: string, step: Step): DirectoryNode {
    const node = this.#find(path);
    if (!node) throw diskError('ENOENT', step);
    if (node.kind !== 'directory') throw diskError('ENOTDIR', step);
    return node;
  }

  #file(path: string, step: Step): FileNode {
    const node = this.#find(path);
    if (!node) throw diskError('ENOENT', step);
    if (node.kind !== 'file') throw diskError('EISDIR', step);
    return node;
  }
}

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '');

function written(old: Buffer, bytes: Buffer, position: number): Buffer<ArrayBuffer> {
  const next = Buffer.alloc(Math.max(old.length, position + bytes.length));
  old.copy(next);
  bytes.copy(next, position);
  return next;
}

function apply(node: FileNode, bytes: Buffer, position: number): void {
  node.bytes = written(node.bytes, bytes, position);
  node.unsynced.push({ position, bytes });
}

function torn(node: FileNode, bytes: Buffer, position: number): void {
  node.unsynced.push({ position, bytes });
}

/** A cut write, all of one or nothing of it; at a byte's, not a sector's, boundary, which is harder. */
function survivingFile(node: FileNode, fraction: () => number): FileNode {
  const after = new FileNode();
  let bytes = node.synced;
  for (const write of node.unsynced) {
    const fate = fraction();
    const kept =
      fate < 0.3 ? 0 : fate < 0.6 ? write.bytes.length : Math.floor(fraction() * write.bytes.length);
    if (kept > 0) bytes = written(bytes, write.bytes.subarray(0, kept), write.position);
    // The length may have been made durable without the bytes.
    if (fraction() < 0.2) bytes = written(bytes, Buffer.alloc(0), write.position + write.bytes.length);
  }
  after.bytes = bytes;
  after.synced = bytes;
  return after;
}

/** A prefix, as a file system with a journal keeps it; or any of them, as POSIX allows, those of one name in order. */
function survivingChanges(changes: readonly NameChange[], fraction: () => number): readonly NameChange[] {
  if (fraction() < 0.5) return changes.slice(0, Math.floor(fraction() * (changes.length + 1)));
  const chance = fraction();
  const lost = new Set<string>();
  return changes.filter(({ touches }) => {
    const survives = fraction() < chance && !touches.some((name) => lost.has(name));
    if (!survives) for (const name of touches) lost.add(name);
    return survives;
  });
}

function survivors(
  node: DirectoryNode,
  fraction: () => number,
  known: Map<FileNode, FileNode>,
): DirectoryNode {
  const names: Names = new Map(node.synced);
  for (const change of survivingChanges(node.unsynced, fraction)) change.apply(names);
  const after = new DirectoryNode();
  for (const [name, child] of names) {
    if (child.kind === 'directory') after.names.set(name, survivors(child, fraction, known));
    else {
      const file = known.get(child) ?? survivingFile(child, fraction);
      known.set(child, file);
      after.names.set(name, file);
    }
  }
  after.synced = new Map(after.names);
  return after;
}

function usedBy(node: DirectoryNode, seen: Set<FileNode>): number {
  let sum = 0;
  for (const child of node.names.values()) {
    if (child.kind === 'directory') sum += usedBy(child, seen);
    else if (!seen.has(child)) {
      seen.add(child);
      sum += child.bytes.length;
    }
  }
  return sum;
}
