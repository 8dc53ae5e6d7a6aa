/**
 * What a node's memory holds of files, and the server doesn't yet: written back at a sync or close, or at any time before.
 * On a `coherent` volume it goes to the server at once, where it is as good as lost until it is synced.
 */
import type { FileNode } from '../../mta/queue/testing/volume.ts';
import { HEADERS, partOf, type Write } from '../../mta/queue/testing/volume.ts';
import type { Server } from './server.ts';

/** What of a node's unsynced data is left in its cache reaches the server within this time. */
const FLUSH_MS = 30_000;

export class PageCache {
  readonly #server: Server;
  /** In this node's memory alone. */
  #dirty = new Map<FileNode, Write[]>();
  /** Sent to the server, which hasn't said that they are safe. */
  #uncommitted = new Map<FileNode, Write[]>();

  constructor(server: Server) {
    this.#server = server;
  }

  /** The machine is gone, and was sending: parts of it have arrived. */
  forget(): void {
    for (const [file, writes] of this.#dirty) for (const write of writes) this.#tear(file, write);
    this.#dirty.clear();
    this.#uncommitted.clear();
  }

  /** A client sends again what the server had not committed. */
  afterServerCrash(known: ReadonlyMap<FileNode, FileNode>): void {
    const dirty = new Map<FileNode, Write[]>();
    for (const [file, after] of known) {
      const writes = [...(this.#uncommitted.get(file) ?? []), ...this.dirty(file)];
      if (writes.length > 0) dirty.set(after, writes);
    }
    this.#dirty = dirty;
    this.#uncommitted.clear();
  }

  dirty(file: FileNode): readonly Write[] {
    return this.#dirty.get(file) ?? [];
  }

  sizeOf(file: FileNode): number {
    let { size } = file;
    for (const { position, length } of this.dirty(file)) size = Math.max(size, position + length);
    return size;
  }

  /** @param earlyFlush chance that it goes to the server at once */
  put(file: FileNode, write: Write, earlyFlush: number): void {
    const { dice, loop, semantics } = this.#server;
    if (semantics === 'coherent' || (!this.#dirty.has(file) && dice.chance(earlyFlush))) {
      this.#send(file, write);
      return;
    }
    push(this.#dirty, file, write);
    if (dice.chance(0.3)) loop.at(loop.now + dice.fraction() * FLUSH_MS, () => this.#flushSome(file));
  }

  /** A process has died: the kernel closes its files, and sends what is left, in its own time. */
  flushLater(): void {
    const { dice, loop } = this.#server;
    for (const file of this.#dirty.keys()) {
      loop.at(loop.now + dice.fraction() * FLUSH_MS, () => this.flush(file));
    }
  }

  flush(file: FileNode): void {
    for (const write of this.dirty(file)) this.#send(file, write);
    this.#dirty.delete(file);
  }

  sync(file: FileNode): void {
    this.flush(file);
    this.#uncommitted.delete(file);
    file.sync();
  }

  /** The sync says that it failed: of what it was to write, some may be there, and the rest never will. */
  syncInVain(file: FileNode): void {
    const writes = this.dirty(file);
    this.#dirty.delete(file);
    for (const write of writes) if (this.#server.dice.chance(0.5)) file.write(write);
    this.#uncommitted.delete(file);
  }

  /** Write-back goes as it likes: some of it, in any order, or a part; but what lies beneath never covers what is above. */
  #flushSome(file: FileNode): void {
    const writes = this.#dirty.get(file);
    if (!writes) return;
    const { dice } = this.#server;
    const index = dice.between(0, writes.length - 1);
    const write = writes[index]!;
    if (writes.some((other, i) => i !== index && overlaps(write, other))) return;
    writes.splice(index, 1);
    const most = dice.chance(0.5) ? Math.min(write.length, HEADERS) : write.length;
    const cut = dice.chance(0.4) ? dice.between(0, most) : write.length;
    const parts = [partOf(write, 0, cut), partOf(write, cut, write.length)];
    const sent = cut < write.length && dice.chance(0.5) ? 1 : 0;
    if (parts[sent]!.length > 0) this.#send(file, parts[sent]!);
    if (parts[1 - sent]!.length > 0) writes.push(parts[1 - sent]!);
    if (writes.length === 0) this.#dirty.delete(file);
  }

  /** All of it, nothing, or its beginning, and perhaps its end without what lies between. */
  #tear(file: FileNode, write: Write): void {
    const { dice } = this.#server;
    const fate = dice.fraction();
    if (fate < 0.3) return;
    const { length } = write;
    const most = dice.chance(0.7) ? Math.min(length, HEADERS) : length;
    const cut = fate < 0.5 ? length : dice.between(0, most);
    if (cut > 0) this.#send(file, partOf(write, 0, cut));
    if (cut < length && dice.chance(0.6)) this.#send(file, partOf(write, length - 1, length));
  }

  #send(file: FileNode, write: Write): void {
    file.write(write);
    push(this.#uncommitted, file, write);
  }
}

const overlaps = (one: Write, other: Write): boolean =>
  one.position < other.position + other.length && other.position < one.position + one.length;

function push(map: Map<FileNode, Write[]>, file: FileNode, write: Write): void {
  const writes = map.get(file);
  if (writes) writes.push(write);
  else map.set(file, [write]);
}
