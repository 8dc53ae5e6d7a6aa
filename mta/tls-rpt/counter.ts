/**
 * Counts results of TLS in this process, and puts them on the volume once a minute and at its end: what a process that dies has counted in its
 * last minute is lost, and so is a day whose counts could not be written for long. Nothing waits for it.
 */
import type { Clock } from '../clock.ts';
import { around, type Random } from '../random.ts';
import { within } from '../within.ts';
import type { Days } from './days.ts';
import { DAY_MS, dayOf, startOf } from './report.ts';
import { Tally, type TlsResult } from './tally.ts';

export interface CounterDeps {
  readonly days: Pick<Days, 'write'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

interface Counting {
  readonly tally: Tally;
  /** Never another day's, nor another time's: a file that is there stays as it was written last. */
  readonly writer: string;
  isWritten: boolean;
}

const WRITE_MS = 60_000;
/** A volume that doesn't answer keeps no process from its end. */
const PATIENCE_MS = 5000;
/** What can't be written is kept in memory for so long. */
const KEPT_MS = 2 * DAY_MS;

export class Counter {
  readonly #deps: CounterDeps;
  readonly #days = new Map<string, Counting>();
  #writing: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(deps: CounterDeps) {
    this.#deps = deps;
  }

  add(result: TlsResult): void {
    const day = dayOf(this.#deps.clock.now());
    let counting = this.#days.get(day);
    if (counting === undefined) {
      counting = { tally: new Tally(), writer: this.#deps.random.bytes(8).toString('hex'), isWritten: true };
      this.#days.set(day, counting);
    }
    counting.tally.add(result);
    counting.isWritten = false;
  }

  start(): void {
    const { clock, random } = this.#deps;
    this.#cancel = clock.after(around(WRITE_MS, random), () => {
      void this.write().finally(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  /** The last of it is on the volume then, or it is known that it won't be. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await within(this.#deps.clock, PATIENCE_MS, this.#writing ?? Promise.resolve());
    await this.write();
  }

  /** Never rejects. */
  async write(): Promise<void> {
    const { clock, onError } = this.#deps;
    // One that hangs is gone on with when it has ended.
    if (this.#writing !== undefined) return;
    const work = this.#write().finally(() => {
      this.#writing = undefined;
    });
    this.#writing = work;
    if (!(await within(clock, PATIENCE_MS, work))) onError(new Error('the volume does not answer'));
  }

  /** Each day by itself: one that can't be written is told, and keeps no other from it. */
  async #write(): Promise<void> {
    const { clock, days, onError } = this.#deps;
    for (const [day, counting] of this.#days) {
      const { tally, writer } = counting;
      if (!counting.isWritten) {
        counting.isWritten = true;
        await days.write(day, writer, tally).catch((error: unknown) => {
          counting.isWritten = false;
          if (clock.now() >= startOf(day) + KEPT_MS) this.#days.delete(day);
          onError(error);
        });
      }
      if (counting.isWritten && day !== dayOf(clock.now())) this.#days.delete(day);
    }
  }
}
