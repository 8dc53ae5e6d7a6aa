/** A pause that can be ended before its time. */
import type { Clock } from '../../mta/clock.ts';

export class Pause {
  readonly #clock: Clock;
  #end: () => void = () => undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One at a time. */
  async for(ms: number): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#end = () => {
        cancel();
        resolve();
      };
    });
  }

  /** That which is under way is over; none where there is none. */
  end(): void {
    this.#end();
  }

  /** From now on each is over at once. */
  close(): void {
    this.#closed = true;
    this.#end();
  }
}
