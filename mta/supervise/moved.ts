/** How much has moved since a drain began, and how fast. Workers count from when each of them began. Pure. */
import type { Amount } from '../control/drain-types.ts';

/** What the rate is told of. */
const WINDOW_MS = 30_000;
const NOTHING: Amount = { messages: 0, bytes: 0 };

export class Moved {
  /** By worker, which may have died since. */
  readonly #counts = new Map<object, Amount>();
  #samples: { readonly at: number; readonly total: Amount }[] = [];

  /** What a worker has moved so far. */
  note(worker: object, moved: Amount): void {
    this.#counts.set(worker, moved);
  }

  /** @param now monotonic ms */
  sample(now: number): void {
    const kept = this.#samples.findLastIndex(({ at }) => now - at >= WINDOW_MS);
    this.#samples = [...this.#samples.slice(Math.max(0, kept)), { at: now, total: this.total() }];
  }

  total(): Amount {
    return [...this.#counts.values()].reduce(
      (sum, { messages, bytes }) => ({ messages: sum.messages + messages, bytes: sum.bytes + bytes }),
      NOTHING,
    );
  }

  /** Of about the last thirty seconds, a second. */
  rate(): Amount {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    if (!first || !last || seconds === 0) return NOTHING;
    return {
      messages: (last.total.messages - first.total.messages) / seconds,
      bytes: (last.total.bytes - first.total.bytes) / seconds,
    };
  }
}
