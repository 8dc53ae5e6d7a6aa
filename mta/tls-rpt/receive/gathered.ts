/**
 * Octets of a stranger that come in pieces, in one buffer: a Buffer for each piece costs hundreds of octets, however small it is. Pure.
 */

const SMALLEST = 16 * 1024;

export class Gathered {
  readonly #most: number;
  #held: Buffer = Buffer.alloc(0);
  #size = 0;

  /** @param most octets that there may be */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies them. False where they would be too many: then none of them are added. */
  add(bytes: Buffer): boolean {
    const size = this.#size + bytes.length;
    if (size > this.#most) return false;
    if (size > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(2 * size, SMALLEST), this.#most));
      grown.set(this.#held.subarray(0, this.#size));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#size);
    this.#size = size;
    return true;
  }

  /** All of them: a view, good until the next `add`. */
  bytes(): Buffer {
    return this.#held.subarray(0, this.#size);
  }
}
