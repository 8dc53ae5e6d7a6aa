/**
 * A binary heap by time: what is due first comes out first. Insertion and removal take O(log n). An item is two numbers
 * beside its time, whatever they mean to the caller, and takes 20 bytes.
 */
import { Column } from '../compact/columns.ts';

export interface DueItem {
  readonly dueAt: number;
  readonly key: number;
  /** Below 2 ** 32. */
  readonly detail: number;
}

export class DueHeap {
  readonly #dueAt = Column.float64();
  readonly #key = Column.float64();
  readonly #detail = Column.uint32();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the first is due; Infinity where there is none. */
  get dueAt(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#dueAt.get(0);
  }

  push(item: DueItem): void {
    let at = this.#size;
    this.#size += 1;
    for (const column of [this.#dueAt, this.#key, this.#detail]) column.grow(this.#size);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#dueAt.get(parent) <= item.dueAt) break;
      this.#copy(parent, at);
      at = parent;
    }
    this.#set(at, item);
  }

  pop(): DueItem | undefined {
    if (this.#size === 0) return undefined;
    const first = this.#item(0);
    this.#size -= 1;
    const last = this.#item(this.#size);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#dueAt.get(child + 1) < this.#dueAt.get(child)) child += 1;
      if (last.dueAt <= this.#dueAt.get(child)) break;
      this.#copy(child, at);
      at = child;
    }
    this.#set(at, last);
    return first;
  }

  #item(at: number): DueItem {
    return { dueAt: this.#dueAt.get(at), key: this.#key.get(at), detail: this.#detail.get(at) };
  }

  #set(at: number, { dueAt, key, detail }: DueItem): void {
    this.#dueAt.set(at, dueAt);
    this.#key.set(at, key);
    this.#detail.set(at, detail);
  }

  #copy(from: number, to: number): void {
    this.#dueAt.set(to, this.#dueAt.get(from));
    this.#key.set(to, this.#key.get(from));
    this.#detail.set(to, this.#detail.get(from));
  }
}
