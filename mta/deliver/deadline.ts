/**
 * One deadline at a time: whoever waits for a next hop waits until a moment, however many bytes trickle in. A timer is
 * armed for the nearest moment and left alone while deadlines come and go behind it: of those nearly all are met.
 */
import type { Clock } from '../clock.ts';

export class Deadline {
  readonly #clock: Clock;
  readonly #passed: (what: string) => void;
  /** Monotonic ms. */
  #at = Number.POSITIVE_INFINITY;
  #what = '';
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, passed: (what: string) => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  /** Starts anew; `what` is what is waited for. */
  set(seconds: number, what: string): void {
    this.#at = this.#clock.monotonic() + seconds * 1000;
    this.#what = what;
    this.#arm();
  }

  /** Nothing is waited for. */
  clear(): void {
    this.#at = Number.POSITIVE_INFINITY;
  }

  /** Nothing will be waited for any more. */
  end(): void {
    this.clear();
    this.#cancel?.();
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    if (this.#at >= this.#wakeAt) return;
    this.#cancel?.();
    this.#wakeAt = this.#at;
    this.#cancel = this.#clock.after(Math.max(0, this.#at - this.#clock.monotonic()), () => this.#wake());
  }

  #wake(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    if (this.#clock.monotonic() < this.#at) this.#arm();
    else {
      this.clear();
      this.#passed(this.#what);
    }
  }
}
