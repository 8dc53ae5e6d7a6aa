/**
 * A map from whole numbers to row numbers in about 24 bytes an entry. Split into many small tables, each of which
 * grows by itself: no insertion has to wait for the copying of a million others.
 */

const SHARD_BITS = 6;
const SHARDS = 1 << SHARD_BITS;
const FIRST_CAPACITY = 8;
const EMPTY = -1;

/** Open addressing with linear probing; what follows a removed entry moves up. */
class Shard {
  #keys = new Float64Array(FIRST_CAPACITY).fill(EMPTY);
  #values = new Uint32Array(FIRST_CAPACITY);
  #size = 0;

  get(key: number, hash: number): number | undefined {
    const at = this.#find(key, hash);
    return this.#keys[at] === key ? this.#values[at] : undefined;
  }

  /** Whether the key is new. */
  set(key: number, hash: number, value: number): boolean {
    let at = this.#find(key, hash);
    const isNew = this.#keys[at] !== key;
    if (isNew) {
      if ((this.#size + 1) * 3 > this.#keys.length * 2) {
        this.#grow();
        at = this.#find(key, hash);
      }
      this.#size += 1;
      this.#keys[at] = key;
    }
    this.#values[at] = value;
    return isNew;
  }

  delete(key: number, hash: number): boolean {
    let hole = this.#find(key, hash);
    if (this.#keys[hole] !== key) return false;
    const mask = this.#keys.length - 1;
    for (let at = (hole + 1) & mask; this.#keys[at] !== EMPTY; at = (at + 1) & mask) {
      const wanted = slotHash(this.#keys[at]!) & mask;
      if (((at - wanted) & mask) < ((at - hole) & mask)) continue;
      this.#keys[hole] = this.#keys[at]!;
      this.#values[hole] = this.#values[at]!;
      hole = at;
    }
    this.#keys[hole] = EMPTY;
    this.#size -= 1;
    return true;
  }

  /** Where the key is, or would go. */
  #find(key: number, hash: number): number {
    const mask = this.#keys.length - 1;
    let at = hash & mask;
    while (this.#keys[at] !== key && this.#keys[at] !== EMPTY) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Float64Array(keys.length * 2).fill(EMPTY);
    this.#values = new Uint32Array(keys.length * 2);
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i]!;
      if (key === EMPTY) continue;
      const at = this.#find(key, slotHash(key));
      this.#keys[at] = key;
      this.#values[at] = values[i]!;
    }
  }
}

/** Keys are whole numbers from 0 to 2 ** 53 - 1, values from 0 to 2 ** 32 - 1. */
export class NumberMap {
  readonly #shards: (Shard | undefined)[] = new Array<undefined>(SHARDS).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): number | undefined {
    const hash = hashOf(key);
    return this.#shards[hash & (SHARDS - 1)]?.get(key, hash >>> SHARD_BITS);
  }

  set(key: number, value: number): void {
    const hash = hashOf(key);
    const at = hash & (SHARDS - 1);
    const shard = this.#shards[at] ?? new Shard();
    this.#shards[at] = shard;
    if (shard.set(key, hash >>> SHARD_BITS, value)) this.#size += 1;
  }

  delete(key: number): boolean {
    const hash = hashOf(key);
    const deleted = this.#shards[hash & (SHARDS - 1)]?.delete(key, hash >>> SHARD_BITS) ?? false;
    if (deleted) this.#size -= 1;
    return deleted;
  }
}

/** Spreads numbers that follow each other, or differ in their upper half alone (the finalizer of MurmurHash3). */
function hashOf(key: number): number {
  let hash = (key >>> 0) ^ Math.imul(Math.floor(key / 2 ** 32), 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function slotHash(key: number): number {
  return hashOf(key) >>> SHARD_BITS;
}
