/**
 * One node's mount of the volume, with what it believes of it. As NFS has it (close-to-open): listings, and look-ups of
 * names, may be answered from what the node saw up to a minute ago, sizes are as of its last open; operations on names
 * happen at the server, atomically. Fails as a file system does, with the code of errno(3).
 */
import { basename, dirname } from 'node:path';
import { diskError } from '../../mta/queue/testing/memory-disk.ts';
import {
  DirectoryNode,
  FileNode,
  type Names,
  overlay,
  partOf,
  type Write,
  writeOf,
} from '../../mta/queue/testing/volume.ts';
import { PageCache } from './page-cache.ts';
import type { Server } from './server.ts';

/** How long a client may go by what it knows (acdirmax, nfs(5)). */
const CACHE_MS = 60_000;
/** How long a volume with old sizes shows to who opens a file the size that a listing saw: as GlusterFS does. */
const OLD_SIZE_MS = 1000;

/** An open file of a process. */
export interface Handle {
  readonly path: string;
  node: FileNode;
  /** As many crashes of the server ago as `node` is up to date. */
  crashes: number;
  /** Which life of the mount it was opened in. */
  readonly mount: number;
}

export interface WriteHow {
  /** Chance that the bytes go to the server at once. */
  readonly earlyFlush: number;
  /** The write does what a sync does. */
  readonly synchronous: boolean;
}

const fail = (code: string, operation: string, path: string): Error => diskError(code, { operation, path });

/** One node's mount of the volume, with its caches. */
export class View {
  readonly server: Server;
  /** Handles of former lives are bad for good. */
  mount = 0;
  #listings = new Map<string, { readonly at: number; readonly names: Names }>();
  #directories = new Map<string, { readonly at: number; readonly node: DirectoryNode }>();
  readonly #cache: PageCache;
  /** What this node takes for the sizes of files: as of its last open, and of what it has written itself. */
  #sizes = new Map<FileNode, number>();
  /** Sizes as of the last listing, where the volume has old ones. */
  #listed = new Map<FileNode, { readonly at: number; readonly size: number }>();
  /** Folders whose next sync says that names have been lost. */
  readonly #lostNames = new Set<string>();
  /** Files whose last name another node, or this one, has taken away. */
  static readonly #removed = new WeakMap<FileNode, View>();

  constructor(server: Server) {
    this.server = server;
    this.#cache = new PageCache(server);
  }

  /** The machine is gone, and with it what it had not sent. */
  forget(): void {
    this.#listings.clear();
    this.#directories.clear();
    this.#cache.forget();
    this.#sizes.clear();
    this.#listed.clear();
  }

  /** @param lost folders that may have lost names */
  afterServerCrash(known: ReadonlyMap<FileNode, FileNode>, lost: readonly string[]): void {
    for (const path of lost) this.#lostNames.add(path);
    this.#listings.clear();
    this.#directories.clear();
    this.#cache.afterServerCrash(known);
    this.#sizes.clear();
    this.#listed.clear();
  }

  /** A process has died: the kernel closes its files, and sends what is left, in its own time. */
  flushLater(): void {
    this.#cache.flushLater();
  }

  /** Whether any of a file's bytes are not on stable storage, as far as this node has written them. */
  hasUnsynced(file: FileNode): boolean {
    return this.#cache.dirty(file).length > 0 || file.unsynced.length > 0;
  }

  // ---- names ------------------------------------------------------------------------------------------------------

  makeDirectory(path: string): void {
    const parent = this.#directory(dirname(path), 'mkdir');
    const there = parent.names.get(basename(path));
    if (!there) parent.put(basename(path), new DirectoryNode());
    else if (there.kind !== 'directory') throw fail('ENOTDIR', 'mkdir', path);
  }

  create(path: string): Handle {
    const parent = this.#directory(dirname(path), 'create');
    const name = basename(path);
    const there = parent.names.get(name);
    if (there) {
      this.#listings.get(dirname(path))?.names.set(name, there);
      throw fail('EEXIST', 'create', path);
    }
    const node = new FileNode();
    parent.put(name, node);
    this.#listings.get(dirname(path))?.names.set(name, node);
    return this.#handle(path, node);
  }

  open(path: string): Handle {
    const cached = this.#cached(dirname(path));
    const node = cached ? cached.get(basename(path)) : this.#parentOf(path)?.names.get(basename(path));
    if (!node) throw fail('ENOENT', 'open', path);
    if (node.kind !== 'file') throw fail('EISDIR', 'open', path);
    const remover = View.#removed.get(node);
    if (remover) throw fail(remover === this ? 'ENOENT' : 'ESTALE', 'open', path);
    return this.#handle(path, node);
  }

  exists(path: string): boolean {
    const cached = this.#cached(dirname(path));
    if (cached) return cached.has(basename(path));
    return this.#parentOf(path)?.names.has(basename(path)) ?? false;
  }

  list(path: string): string[] {
    const cached = this.#cached(path);
    if (cached) return [...cached.keys()];
    const { names } = this.#directory(path, 'list');
    if (this.server.semantics === 'nfs') {
      this.#listings.set(path, { at: this.server.loop.now, names: new Map(names) });
      if (this.server.oldSizes) this.#note(names);
    }
    return [...names.keys()];
  }

  rename(from: string, to: string): void {
    const parent = this.#directory(dirname(from), 'rename');
    const [old, name] = [basename(from), basename(to)];
    const node = parent.names.get(old);
    if (!node) throw fail('ENOENT', 'rename', from);
    const replaced = parent.names.get(name);
    if (replaced?.kind === 'directory' || (replaced && node.kind === 'directory')) {
      throw fail('ENOTEMPTY', 'rename', to);
    }
    if (replaced?.kind === 'file') this.#unnamed(replaced, parent, name);
    parent.rename(old, name, node);
    const names = this.#listings.get(dirname(from))?.names;
    names?.delete(old);
    names?.set(name, node);
  }

  link(from: string, to: string): void {
    const parent = this.#directory(dirname(to), 'link');
    const node = parent.names.get(basename(from));
    if (node?.kind !== 'file') throw fail('ENOENT', 'link', from);
    const there = parent.names.get(basename(to));
    if (there) {
      this.#listings.get(dirname(to))?.names.set(basename(to), there);
      throw fail('EEXIST', 'link', to);
    }
    parent.link(basename(from), basename(to), node);
    this.#listings.get(dirname(to))?.names.set(basename(to), node);
  }

  unlink(path: string): void {
    const parent = this.#directory(dirname(path), 'unlink');
    const node = parent.names.get(basename(path));
    this.#listings.get(dirname(path))?.names.delete(basename(path));
    if (!node) throw fail('ENOENT', 'unlink', path);
    if (node.kind === 'directory') throw fail('EISDIR', 'unlink', path);
    parent.remove(basename(path));
    this.#unnamed(node, parent, basename(path));
  }

  removeDirectory(path: string): void {
    const node = this.server.find(path);
    if (!node) throw fail('ENOENT', 'rmdir', path);
    if (node.kind !== 'directory') throw fail('ENOTDIR', 'rmdir', path);
    if (node.names.size > 0) throw fail('ENOTEMPTY', 'rmdir', path);
    const parent = this.#directory(dirname(path), 'rmdir');
    parent.remove(basename(path));
    for (const [cached, { node: known }] of this.#directories) {
      if (known === node) this.#directories.delete(cached);
    }
  }

  /** The last change of a folder's names, which a sync that begins now makes safe. */
  lastChange(path: string): number {
    const node = this.server.find(path);
    return node?.kind === 'directory' ? node.lastChange : 0;
  }

  /** @param upTo as `lastChange` was when the sync began: names that are newer may be left out */
  syncDirectory(path: string, upTo: number): void {
    const folder = this.#directory(path, 'fsync');
    if (this.#lostNames.delete(path)) throw fail('EIO', 'fsync', path);
    folder.sync(upTo);
  }

  // ---- bytes ------------------------------------------------------------------------------------------------------

  /** Writes all, or fails with ENOSPC having written a part. */
  write(handle: Handle, buffers: readonly Buffer[], position: number, how: WriteHow): void {
    const { earlyFlush, synchronous } = how;
    const file = this.fileOf(handle, 'write');
    const write = writeOf(buffers, position);
    const grows = Math.max(0, position + write.length - this.#cache.sizeOf(file));
    if (grows > this.server.room) {
      const part = partOf(write, 0, this.server.dice.between(0, write.length - 1));
      if (part.length > 0) this.#put(file, part, earlyFlush);
      throw fail('ENOSPC', 'write', handle.path);
    }
    this.server.room -= grows;
    this.#put(file, write, earlyFlush);
    if (synchronous) this.sync(handle);
  }

  /** Writes a part, as a full volume or a signal may have it. */
  writeShort(handle: Handle, buffers: readonly Buffer[], position: number, earlyFlush: number): void {
    const file = this.fileOf(handle, 'write');
    const write = writeOf(buffers, position);
    const part = partOf(write, 0, this.server.dice.between(0, write.length - 1));
    if (part.length > 0) this.#put(file, part, earlyFlush);
  }

  read(handle: Handle, target: Buffer, position: number): number {
    const file = this.fileOf(handle, 'read');
    const size = this.size(handle);
    const filled = file.read(target, position, Math.min(size, file.size));
    const length = Math.max(0, Math.min(target.length, size - position));
    if (length > filled) target.fill(0, filled, length);
    for (const write of this.#cache.dirty(file)) overlay(target.subarray(0, length), position, write);
    return length;
  }

  size(handle: Handle): number {
    const file = this.fileOf(handle, 'stat');
    const size = this.#cache.sizeOf(file);
    return this.server.semantics === 'nfs' ? Math.min(size, this.#sizes.get(file) ?? size) : size;
  }

  sync(handle: Handle): void {
    const file = this.fileOf(handle, 'fsync');
    this.#cache.sync(file);
  }

  /** The sync says that it failed: of what it was to write, some may be there, and the rest never will. */
  syncInVain(handle: Handle): void {
    const file = this.fileOf(handle, 'fsync');
    this.#cache.syncInVain(file);
  }

  close(handle: Handle): void {
    this.#cache.flush(this.fileOf(handle, 'close'));
  }

  /** What the handle is of today; throws ESTALE where that is gone. */
  fileOf(handle: Handle, operation: string): FileNode {
    if (handle.mount !== this.mount) throw fail('EIO', operation, handle.path);
    const { crashes } = this.server;
    for (; handle.crashes < crashes.length; handle.crashes += 1) {
      const after = crashes[handle.crashes]!.get(handle.node);
      if (!after) throw fail('ESTALE', operation, handle.path);
      handle.node = after;
    }
    const remover = View.#removed.get(handle.node);
    if (remover && remover !== this && this.server.semantics === 'nfs') {
      throw fail('ESTALE', operation, handle.path);
    }
    return handle.node;
  }

  #put(file: FileNode, write: Write, earlyFlush: number): void {
    const end = write.position + write.length;
    if (end > (this.#sizes.get(file) ?? end)) this.#sizes.set(file, end);
    this.#listed.delete(file);
    this.#cache.put(file, write, earlyFlush);
  }

  #handle(path: string, node: FileNode): Handle {
    const listed = this.#listed.get(node);
    const isOld = listed !== undefined && this.server.loop.now - listed.at < OLD_SIZE_MS;
    this.#sizes.set(node, isOld ? listed.size : this.#cache.sizeOf(node));
    return { path, node, crashes: this.server.crashes.length, mount: this.mount };
  }

  #note(names: Names): void {
    const at = this.server.loop.now;
    for (const node of names.values()) {
      if (node.kind !== 'file' || at - (this.#listed.get(node)?.at ?? -OLD_SIZE_MS) < OLD_SIZE_MS) continue;
      this.#listed.set(node, { at, size: this.#cache.sizeOf(node) });
    }
  }

  #unnamed(node: FileNode, parent: DirectoryNode, name: string): void {
    for (const [other, child] of parent.names) if (child === node && other !== name) return;
    View.#removed.set(node, this);
    this.server.room += node.size;
  }

  /** What the client goes by in place of asking; undefined where it asks. */
  #cached(path: string): Names | undefined {
    const { dice, loop, staleness } = this.server;
    if (staleness === 0) return undefined;
    const listing = this.#listings.get(path);
    if (!listing || loop.now - listing.at > CACHE_MS || !dice.chance(staleness)) return undefined;
    return listing.names;
  }

  #parentOf(path: string): DirectoryNode | undefined {
    try {
      return this.#directory(dirname(path), 'open');
    } catch {
      return undefined;
    }
  }

  /** A folder that was renamed elsewhere may still be reached by the name that the client knows it by. */
  #directory(path: string, operation: string): DirectoryNode {
    const node = this.server.find(path);
    const { loop, semantics, staleness, dice } = this.server;
    if (node?.kind === 'directory') {
      if (semantics === 'nfs') this.#directories.set(path, { at: loop.now, node });
      return node;
    }
    if (node) throw fail('ENOTDIR', operation, path);
    const cached = this.#directories.get(path);
    if (cached && loop.now - cached.at <= CACHE_MS && dice.chance(staleness)) return cached.node;
    throw fail('ENOENT', operation, path);
  }
}
