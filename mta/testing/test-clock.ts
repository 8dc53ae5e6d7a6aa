/** A clock that is moved by hand. */
import type { Clock } from '../clock.ts';

/** Waits up to this aren't waits of the test's. */
const SHORT_MS = 10;

export class TestClock implements Clock {
  #now = 1_000_000;
  #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return 1_700_000_000_000 + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    // The pause in which records gather for a group passes by itself: no test is about its length.
    if (ms <= SHORT_MS) {
      const soon = setImmediate(callback);
      return () => clearImmediate(soon);
    }
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves on, calling what falls due; what it starts has had a turn of the event loop when this resolves. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await settleDown();
    }
    this.#now = end;
    await settleDown();
  }
}

/** Lets everything that waits for nothing but the memory disk run to its end. */
export async function settleDown(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
