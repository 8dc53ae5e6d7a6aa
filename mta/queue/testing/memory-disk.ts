/**
 * A disk in memory that forgets as a real one may: what was not synced is lost, kept, or torn at a crash, as a seed
 * decides, file by file and name by name. Also fails, fills up, and stops at a chosen step.
 */
import { basename, dirname } from 'node:path';
import type { Disk, DiskFile } from '../disk.ts';
import { DirectoryNode, FileNode, partOf, partsOf, usedBy, writeOf } from './volume.ts';

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
    return new MemoryDisk(this.#root.survivor(fraction, new Map()));
  }

  /** The same disk after the process alone has died: what it wrote is there. */
  reopen(): MemoryDisk {
    this.#down = true;
    return new MemoryDisk(this.#root);
  }

  /** What a file holds now, for looking at it and for damaging it. */
  bytesOf(path: string): Buffer {
    return this.#file(path, { operation: 'look', path }).bytes();
  }

  /** Names in a folder now. */
  namesOf(path: string): string[] {
    return [...this.#directory(path, { operation: 'look', path }).names.keys()];
  }

  /** Changes a file behind the queue's back. */
  damage(path: string, change: (bytes: Buffer) => Buffer): void {
    this.#file(path, { operation: 'damage', path }).replace(change(this.bytesOf(path)));
  }

  /** Whether the machine has stopped. */
  get down(): boolean {
    return this.#down;
  }

  get used(): number {
    return usedBy(this.#root);
  }

  async makeDirectory(path: string): Promise<void> {
    const step = await this.#step('makeDirectory', path);
    const parent = this.#directory(dirname(path), step);
    const there = parent.names.get(basename(path));
    if (!there) parent.put(basename(path), new DirectoryNode());
    else if (there.kind !== 'directory') throw diskError('ENOTDIR', step);
  }

  async create(path: string): Promise<DiskFile> {
    const step = await this.#step('create', path);
    const parent = this.#directory(dirname(path), step);
    if (parent.names.has(basename(path))) throw diskError('EEXIST', step);
    const node = new FileNode();
    parent.put(basename(path), node);
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
    parent.rename(basename(from), basename(to), node);
  }

  async link(from: string, to: string): Promise<void> {
    const step = await this.#step('link', to);
    const node = this.#file(from, step);
    const parent = this.#directory(dirname(to), step);
    if (parent.names.has(basename(to))) throw diskError('EEXIST', step);
    parent.link(basename(from), basename(to), node);
  }

  async unlink(path: string): Promise<void> {
    const step = await this.#step('unlink', path);
    const parent = this.#directory(dirname(path), step);
    const node = parent.names.get(basename(path));
    if (!node) throw diskError('ENOENT', step);
    if (node.kind === 'directory') throw diskError('EISDIR', step);
    parent.remove(basename(path));
  }

  async removeDirectory(path: string): Promise<void> {
    const step = await this.#step('removeDirectory', path);
    if (this.#directory(path, step).names.size > 0) throw diskError('ENOTEMPTY', step);
    const name = basename(path);
    this.#directory(dirname(path), step).remove(name);
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
    node.sync();
  }

  async freeBytes(path: string): Promise<number> {
    await this.#look('freeBytes', path);
    return this.capacity - this.used;
  }

  #handle(path: string, node: FileNode): DiskFile {
    return {
      write: async (buffers, position) => {
        const write = writeOf(buffers, position);
        const step = await this.#step('write', path, () => node.write(write));
        const growth = Math.max(0, position + write.length - node.size);
        const room = Number.isFinite(this.capacity) ? this.capacity - this.used : growth;
        if (growth > room) {
          node.write(partOf(write, 0, Math.max(0, write.length - growth + room)));
          throw diskError('ENOSPC', step);
        }
        node.write(write);
      },
      read: async (target, position) => {
        await this.#look('read', path);
        return node.read(target, position);
      },
      sync: async () => {
        await this.#step('sync', path);
        node.sync();
      },
      size: async () => node.size,
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
    for (const name of partsOf(path)) node = node?.kind === 'directory' ? node.names.get(name) : undefined;
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

/** For `damage`: flips one bit of the first byte of `text` in the file. Throws where the file doesn't hold it. */
export const flipBitAt =
  (text: string) =>
  (bytes: Buffer): Buffer => {
    const at = bytes.indexOf(text);
    if (at === -1) throw new Error(`the file does not hold ${text}`);
    bytes[at] = bytes[at]! ^ 4;
    return bytes;
  };
