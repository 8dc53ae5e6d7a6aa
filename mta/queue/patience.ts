/** How long one waits for another node's writes to be seen, in short pauses: what is then still missing is lost. */
import type { Clock } from '../clock.ts';

/** Longer than the caches of network file systems hold what an open should have refreshed: a second or two. */
const LONGEST_MS = 5000;
const PAUSE_MS = 250;

export class Patience {
  readonly #clock: Clock;
  #left = LONGEST_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with true after a pause, or at once with false where the time is used up. */
  async more(): Promise<boolean> {
    if (this.#left <= 0) return false;
    this.#left -= PAUSE_MS;
    await new Promise<void>((resolve) => void this.#clock.after(PAUSE_MS, resolve));
    return true;
  }
}
