/**
 * Strings as numbers: those that many share are kept once. Each is kept for as long as somebody uses it, so that what
 * it holds at a time is what is in use, whatever has come and gone.
 */
import { Column, Rows } from './columns.ts';

export class Interner {
  readonly #ids = new Map<string, number>();
  readonly #values: string[] = [];
  readonly #uses = Column.uint32();
  readonly #rows = new Rows([this.#uses]);

  /** All ids that were ever given are below this: the length of a table by id. */
  get end(): number {
    return this.#rows.end;
  }

  /** Strings in use. */
  get size(): number {
    return this.#ids.size;
  }

  /** The string's id, used once more: `release` it as often. */
  use(value: string): number {
    const known = this.#ids.get(value);
    if (known !== undefined) {
      this.#uses.set(known, this.#uses.get(known) + 1);
      return known;
    }
    const id = this.#rows.take();
    this.#ids.set(value, id);
    this.#values[id] = value;
    this.#uses.set(id, 1);
    return id;
  }

  /** Used once less; an id that nobody uses may be another string's next. */
  release(id: number): void {
    const left = this.#uses.get(id) - 1;
    this.#uses.set(id, left);
    if (left > 0) return;
    this.#ids.delete(this.valueOf(id));
    this.#values[id] = '';
    this.#rows.give(id);
  }

  /** The id of a string that is in use; undefined where it isn't. */
  find(value: string): number | undefined {
    return this.#ids.get(value);
  }

  /** All strings in use, each with how many use it. They may change while they are walked. */
  *uses(): IterableIterator<[value: string, uses: number]> {
    for (let id = 0; id < this.#rows.end; id += 1) {
      const uses = this.#uses.get(id);
      if (uses > 0) yield [this.valueOf(id), uses];
    }
  }

  /** Of an id that is in use. */
  valueOf(id: number): string {
    return this.#values[id]!;
  }
}
