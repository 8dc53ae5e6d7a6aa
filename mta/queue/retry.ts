/** When something that failed is due again: twice as late with each failure in a row, and jittered. */
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';

export interface RetryParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly firstMs: number;
  readonly longestMs: number;
}

export class Retry {
  readonly #parts: RetryParts;
  #failures = 0;
  /** Monotonic ms. */
  #at = Number.NEGATIVE_INFINITY;

  constructor(parts: RetryParts) {
    this.#parts = parts;
  }

  get due(): boolean {
    return this.#parts.clock.monotonic() >= this.#at;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    const { clock, random, firstMs, longestMs } = this.#parts;
    const wait = Math.min(longestMs, firstMs * 2 ** this.#failures);
    this.#at = clock.monotonic() + wait * (0.5 + random.fraction() / 2);
    this.#failures += 1;
  }
}
