/**
 * The one event loop of a schedule, in virtual time: whatever happens later, happens here. Between two events everything
 * that waits for nothing but memory runs to its end, so that a schedule is the same each time.
 */

interface Event {
  readonly time: number;
  readonly order: number;
  run: (() => void) | undefined;
}

const isBefore = (one: Event, other: Event): boolean =>
  one.time < other.time || (one.time === other.time && one.order < other.order);

export class Loop {
  /** Virtual ms since the schedule began. */
  now = 0;
  /** Events that have been run. */
  steps = 0;
  #order = 0;
  #heap: Event[] = [];
  #ready: (() => void)[] = [];
  #next = 0;

  /** Runs something at a time; the result cancels it. */
  at(time: number, run: () => void): () => void {
    this.#order += 1;
    const event: Event = { time: Math.max(time, this.now), order: this.#order, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Runs something at this time still, after what has been asked before. */
  soon(run: () => void): void {
    this.#ready.push(run);
  }

  /** Resolves when `until` says so, or nothing is left to run; rejects with what an event throws. */
  run(until: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      // A tick is run when no microtask is left: twice, as streams have ticks of their own.
      const again = () => process.nextTick(() => queueMicrotask(next));
      const next = () => process.nextTick(step);
      const step = (): void => {
        const event = until() ? undefined : this.#take();
        if (!event) {
          resolve();
          return;
        }
        this.steps += 1;
        try {
          event();
        } catch (error) {
          reject(error as Error);
          return;
        }
        queueMicrotask(again);
      };
      step();
    });
  }

  #take(): (() => void) | undefined {
    if (this.#next < this.#ready.length) {
      const run = this.#ready[this.#next]!;
      this.#next += 1;
      if (this.#next === this.#ready.length) {
        this.#ready = [];
        this.#next = 0;
      }
      return run;
    }
    for (;;) {
      const event = this.#pop();
      if (!event) return undefined;
      if (!event.run) continue;
      this.now = event.time;
      return event.run;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
