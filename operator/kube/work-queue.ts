/**
 * Keys that have work, each worked on by one at a time. A key that is added while it waits is there once; one that is added while
 * it is worked on comes again after that. What fails is tried again after a jittered pause that doubles, per key.
 */
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { backOff } from './back-off.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 300_000;

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Keys that are worked on at once. */
  readonly concurrency: number;
  /** Most that a key waits after failures in a row; five minutes where absent. */
  readonly longestPauseMs?: number;
  /** Looks at the world and mends it. Resolves with the milliseconds after which to look again, if need be. */
  readonly work: (key: string) => Promise<number | undefined>;
  /** Told of each failure: the key comes again by itself. */
  readonly onFailure: (error: unknown, key: string, failures: number) => void;
  /** Told of each turn, for metrics: how long the key had waited, and how long the work took. */
  readonly onTurn?: (turn: Turn) => void;
}

export interface Turn {
  readonly waitedMs: number;
  readonly workedMs: number;
  readonly failed: boolean;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Since when, in the order in which they came. */
  readonly #waiting = new Map<string, number>();
  readonly #running = new Set<string>();
  /** Added while it was worked on. */
  readonly #again = new Set<string>();
  readonly #later = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  #started = false;
  #beginsSoon = false;
  #stopped = false;
  #idle: () => void = () => undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait to be worked on now. */
  get depth(): number {
    return this.#waiting.size + this.#again.size;
  }

  /** Keys whose last work failed. */
  get failing(): number {
    return this.#failures.size;
  }

  start(): void {
    this.#started = true;
    this.#pump();
  }

  /** Takes no more; resolves when what is worked on has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    this.#waiting.clear();
    this.#again.clear();
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#later.get(key)?.cancel();
    this.#later.delete(key);
    if (this.#running.has(key)) this.#again.add(key);
    else if (!this.#waiting.has(key)) this.#waiting.set(key, this.#options.clock.monotonic());
    this.#pump();
  }

  /** Adds it then, unless that happens earlier. */
  addAfter(key: string, ms: number): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    const { clock } = this.#options;
    const at = clock.monotonic() + ms;
    const other = this.#later.get(key);
    if (other !== undefined && other.at <= at) return;
    other?.cancel();
    this.#later.set(key, { at, cancel: clock.after(ms, () => this.add(key)) });
  }

  /**
   * In a turn of the event loop of its own. Work that finds nothing to write never waits for one, and news that were read in one piece come
   * one by one: each would have the whole fleet looked at, and nobody else, not even the lease, would have a turn until then.
   */
  #pump(): void {
    if (!this.#started || this.#beginsSoon) return;
    this.#beginsSoon = true;
    this.#options.clock.soon(() => {
      this.#beginsSoon = false;
      this.#begin();
    });
  }

  #begin(): void {
    for (const [key, since] of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#work(key, since);
    }
  }

  async #work(key: string, since: number): Promise<void> {
    const { work, onFailure, onTurn, clock } = this.#options;
    const began = clock.monotonic();
    try {
      const again = await work(key);
      this.#failures.delete(key);
      if (again !== undefined) this.addAfter(key, again);
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      onFailure(error, key, failures);
      this.addAfter(key, this.#pauseAfter(failures));
    }
    onTurn?.({
      ...{ waitedMs: began - since, workedMs: clock.monotonic() - began },
      failed: this.#failures.has(key),
    });
    this.#running.delete(key);
    if (this.#again.delete(key)) this.add(key);
    if (this.#stopped && this.#running.size === 0) this.#idle();
    this.#pump();
  }

  #pauseAfter(failures: number): number {
    const { random, longestPauseMs = LONGEST_PAUSE_MS } = this.#options;
    return backOff({ firstMs: FIRST_PAUSE_MS, longestMs: longestPauseMs }, failures - 1, random);
  }
}
