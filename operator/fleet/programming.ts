/** How long a fleet takes to load what is new, for metrics: from a config that is made to the last serving pod that has loaded it. */
import type { Clock } from '../../mta/clock.ts';

export class Programming {
  readonly #clock: Clock;
  readonly #onLoaded: (seconds: number) => void;
  #pending: { revision: number; readonly since: number } | undefined;

  constructor(clock: Clock, onLoaded: (seconds: number) => void) {
    this.#clock = clock;
    this.#onLoaded = onLoaded;
  }

  /** Since the oldest change that not every pod has loaded; 0 where there is none. */
  get lagSeconds(): number {
    return this.#pending === undefined ? 0 : (this.#clock.monotonic() - this.#pending.since) / 1000;
  }

  made(revision: number): void {
    if (this.#pending === undefined) this.#pending = { revision, since: this.#clock.monotonic() };
    else this.#pending.revision = revision;
  }

  /** @param revision lowest that serving pods have; undefined where none serves: then nobody is behind */
  loaded(revision: number | undefined): void {
    if (this.#pending === undefined) return;
    if (revision !== undefined) {
      if (revision < this.#pending.revision) return;
      this.#onLoaded(this.lagSeconds);
    }
    this.#pending = undefined;
  }
}
