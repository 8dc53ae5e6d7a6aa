/**
 * Brings lanes without an owner to this process, and leaves some to others: hears of them from notices, markers and
 * looks, waits its turn, and claims one at a time.
 *
 * How it fails. A look that fails is made again at the next turn, and said once. A claim that fails, or a lane that can't
 * be opened, is left to others for a term.
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import { type Claimable, claimDelayMs } from './claim.ts';
import type { QueueLog } from './deps.ts';
import type { LaneRelease } from './types.ts';
import type { LaneWatch } from './watch.ts';

export interface AdopterParts {
  readonly watch: LaneWatch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: QueueLog;
  readonly termMs: number;
  /** Lanes that need no look and no claim. */
  readonly ours: () => ReadonlySet<string>;
  /** Lanes that we hold for others. */
  readonly adopted: () => number;
  /** Never rejects. */
  readonly claim: (claimable: Claimable) => Promise<void>;
  /** What else is due at each turn; its failure is that of the turn. */
  readonly onTurn: () => Promise<void>;
}

interface Heard {
  readonly claimable: Claimable;
  /** Monotonic ms. */
  readonly at: number;
  readonly fraction: number;
}

/** A turn of the watch, at most. */
const LONGEST_TURN_MS = 400;

export class Adopter {
  readonly #parts: AdopterParts;
  readonly #heard = new Map<string, Heard>();
  #claiming: Promise<void> | undefined;
  #turning: Promise<void> | undefined;
  #cancelTurn: () => void = () => undefined;
  #cancelClaim: () => void = () => undefined;
  #leaving = false;
  #failing = false;
  #stopped = false;

  constructor(parts: AdopterParts) {
    this.#parts = parts;
  }

  /** Begins at a random moment of the first turn, so that processes that start together don't look together. */
  start(): void {
    this.#planTurn(this.#parts.random.fraction() * this.#turnMs);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTurn();
    this.#cancelClaim();
    await Promise.all([this.#turning, this.#claiming]);
  }

  noticed(release: LaneRelease): void {
    const claimable = this.#parts.watch.announced(release);
    if (claimable) this.hear([claimable]);
  }

  /** These may be claimed. */
  hear(found: readonly Claimable[]): void {
    if (this.#leaving) return;
    const { clock, random } = this.#parts;
    for (const claimable of found) {
      const before = this.#heard.get(claimable.lane);
      this.#heard.set(claimable.lane, {
        claimable,
        at: before?.at ?? clock.monotonic(),
        fraction: before?.fraction ?? random.fraction(),
      });
    }
    this.#planClaim();
  }

  /** Claims nothing more: what is found is for others. Turns go on, for the lanes that we have. */
  leaveToOthers(): void {
    this.#leaving = true;
    this.#heard.clear();
    this.#cancelClaim();
  }

  /** Has a turn at once. */
  hurry(): void {
    this.#planTurn(0);
  }

  get #turnMs(): number {
    return Math.min(LONGEST_TURN_MS, this.#parts.termMs / 20);
  }

  #planTurn(ms: number): void {
    if (this.#stopped) return;
    this.#cancelTurn();
    this.#cancelTurn = this.#parts.clock.after(ms, () => {
      this.#turning ??= this.#turn().finally(() => {
        this.#turning = undefined;
        this.#planTurn(this.#turnMs);
      });
    });
  }

  async #turn(): Promise<void> {
    const { watch, ours, onTurn, log } = this.#parts;
    try {
      this.hear(await watch.turn(ours()));
      await onTurn();
      if (this.#failing) log.info({}, 'lanes can be looked after again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) log.error({ err: error }, 'lanes could not be looked after');
      this.#failing = true;
    }
  }

  /** Whose turn is next, and when: it depends on what we hold by then. */
  #next(): { readonly heard: Heard; readonly at: number } | undefined {
    const adopted = this.#parts.adopted();
    const ours = this.#parts.ours();
    let next: { heard: Heard; at: number } | undefined;
    for (const heard of this.#heard.values()) {
      const { claimable, at, fraction } = heard;
      const due = at + claimDelayMs(claimable, adopted, fraction);
      if (ours.has(claimable.lane)) this.#heard.delete(claimable.lane);
      else if (next === undefined || due < next.at) next = { heard, at: due };
    }
    return next;
  }

  #planClaim(): void {
    this.#cancelClaim();
    if (this.#stopped || this.#claiming !== undefined) return;
    const next = this.#next();
    if (!next) return;
    const wait = Math.max(0, next.at - this.#parts.clock.monotonic());
    this.#cancelClaim = this.#parts.clock.after(wait, () => {
      this.#heard.delete(next.heard.claimable.lane);
      this.#claiming = this.#parts.claim(next.heard.claimable).finally(() => {
        this.#claiming = undefined;
        this.#planClaim();
      });
    });
  }
}
