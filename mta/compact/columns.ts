/**
 * Columns of numbers for tables of a million rows: typed arrays in chunks, so that growing copies nothing, and the
 * garbage collector has nothing to look at. Rows that were given back are given out again.
 */

const CHUNK_BITS = 10;
const CHUNK = 1 << CHUNK_BITS;
const MASK = CHUNK - 1;

type NumberArray = Float64Array | Uint32Array | Uint8Array;

/** Reading or writing a row that the column has not grown to is a defect of the caller. */
export class Column {
  readonly #make: (length: number) => NumberArray;
  readonly #chunks: NumberArray[] = [];

  private constructor(make: (length: number) => NumberArray) {
    this.#make = make;
  }

  /** Any number. */
  static float64(): Column {
    return new Column((length) => new Float64Array(length));
  }

  /** Whole numbers below 2 ** 32. */
  static uint32(): Column {
    return new Column((length) => new Uint32Array(length));
  }

  /** Whole numbers below 256. */
  static uint8(): Column {
    return new Column((length) => new Uint8Array(length));
  }

  /** Makes room for row numbers below `rows`; what is new is 0. */
  grow(rows: number): void {
    while (this.#chunks.length << CHUNK_BITS < rows) this.#chunks.push(this.#make(CHUNK));
  }

  get(row: number): number {
    return this.#chunks[row >>> CHUNK_BITS]![row & MASK]!;
  }

  set(row: number, value: number): void {
    this.#chunks[row >>> CHUNK_BITS]![row & MASK] = value;
  }
}

/** The row numbers of a table, and with them the length of its columns. */
export class Rows {
  readonly #columns: readonly Column[];
  /** Rows that were given back, the last on top. */
  readonly #free = Column.uint32();
  #freed = 0;
  #end = 0;

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
  }

  /** All rows that were ever taken are below this. */
  get end(): number {
    return this.#end;
  }

  /** Rows that are taken now. */
  get size(): number {
    return this.#end - this.#freed;
  }

  /** A row of which nothing is known but that nobody has it: its cells hold what they last held. */
  take(): number {
    if (this.#freed > 0) {
      this.#freed -= 1;
      return this.#free.get(this.#freed);
    }
    const row = this.#end;
    this.#end += 1;
    for (const column of this.#columns) column.grow(this.#end);
    return row;
  }

  give(row: number): void {
    this.#free.grow(this.#freed + 1);
    this.#free.set(this.#freed, row);
    this.#freed += 1;
  }
}
