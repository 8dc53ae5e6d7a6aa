/** One deadline at a time: whoever waits for a next hop waits until a moment, however many bytes trickle in. */
import type { Clock } from '../clock.ts';

export class Deadline {
  readonly #clock: Clock;
  readonly #passed: (what: string) => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, passed: (what: string) => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  /** Starts anew; `what` is what is waited for. */
  set(seconds: number, what: string): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(seconds * 1000, () => this.#passed(what));
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
