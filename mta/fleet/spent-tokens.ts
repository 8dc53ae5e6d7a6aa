/** Tokens of a rate that were spent, each for as long as it rests: one period after its use, and a hundredth more. */

interface Slice {
  readonly from: number;
  count: number;
}

export class SpentTokens {
  readonly seconds: number;
  readonly #sliceMs: number;
  #slices: Slice[] = [];

  constructor(seconds: number) {
    this.seconds = seconds;
    this.#sliceMs = Math.max(1, seconds * 10);
  }

  spend(now: number, count = 1): void {
    const last = this.#slices.at(-1);
    if (last !== undefined && now < last.from + this.#sliceMs) last.count += count;
    else this.#slices.push({ from: now, count });
  }

  count(now: number): number {
    while (this.#slices.length > 0 && this.#endOf(this.#slices[0]!) <= now) this.#slices.shift();
    return this.#slices.reduce((sum, { count }) => sum + count, 0);
  }

  /** When the next of them may be spent again; now where none rests. */
  nextAt(now: number): number {
    const [first] = this.#slices;
    return first === undefined ? now : Math.max(now, this.#endOf(first));
  }

  /** Its last token was spent at the end of the slice, at the latest. */
  #endOf({ from }: Slice): number {
    return from + this.#sliceMs + this.seconds * 1000;
  }
}
