/** Everything that a schedule leaves to chance, from one seed. */

import type { Random } from '../../mta/random.ts';
import { seeded } from '../../mta/testing/seeded.ts';

export class Dice implements Random {
  readonly fraction: () => number;

  constructor(seed: number) {
    this.fraction = seeded(seed).fraction;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.fraction() * from.length)]!;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let i = 0; i < length; i += 1) bytes[i] = Math.floor(this.fraction() * 256);
    return bytes;
  }
}
