/**
 * A worker's room at each destination, in tokens that its supervisor has granted: connections, messages of a rate, and
 * the probe of a destination that is down. Asking for room is wanting it; what isn't used any more goes back. Without a
 * supervisor's answer there is no room, and a worker without a supervisor ends.
 */
import type { Clock } from '../clock.ts';
import type { DestinationKey } from '../route/types.ts';
import type { Room, RoomAsked } from '../schedule/types.ts';
import type { BudgetId } from './budget-types.ts';
import type { Grant, WorkerNeed } from './fair-split.ts';
import { Questions } from './questions.ts';
import { SpentTokens } from './spent-tokens.ts';

export interface WorkerRoomOptions {
  readonly clock: Clock;
  readonly tell: (needs: readonly WorkerNeed[]) => void;
  /** Period of the destination's rate in seconds; undefined where it has none. */
  readonly period: (key: DestinationKey) => number | undefined;
  /** Connections to the destination, idle ones among them. */
  readonly open: (key: DestinationKey) => number;
  /** Closes idle connections to it until no more than this are open, as far as there are idle ones. */
  readonly trim: (key: DestinationKey, most: number) => void;
}

interface Entry {
  readonly key: DestinationKey;
  readonly use: () => number;
  want: number;
  /** The most that was wanted since the last sweep, or since nothing was. */
  peak: number;
  granted: number;
  number: number;
  told: WorkerNeed | undefined;
}

/** A destination as the scheduler spoke of it last. */
type Place = Pick<RoomAsked, 'active' | 'down'>;

const NOWHERE: Place = { active: 0, down: false };
/** Questions open at a time. Others may be probing a destination for minutes: those wait apart. */
const MOST_ASKED = 256;
const MOST_PROBES_ASKED = 128;
const SWEEP_MS = 1000;

export class WorkerRoom implements Room {
  readonly #options: WorkerRoomOptions;
  readonly #entries = new Map<BudgetId, Entry>();
  readonly #spent = new Map<DestinationKey, SpentTokens>();
  /** When the next token of a rate has rested, by the monotonic clock. */
  readonly #rested = new Map<DestinationKey, number>();
  /** Destinations with attempts under way. */
  readonly #places = new Map<DestinationKey, Place>();
  readonly #dirty = new Set<BudgetId>();
  readonly #questions: Questions;
  readonly #probes: Questions;
  #listener: (key: DestinationKey) => void = () => {};
  #flushing = false;
  #sweeping = false;

  constructor(options: WorkerRoomOptions) {
    this.#options = options;
    const { clock } = options;
    const again = (key: DestinationKey) => this.#listener(key);
    this.#questions = new Questions({ most: MOST_ASKED, clock, again });
    this.#probes = new Questions({ most: MOST_PROBES_ASKED, clock, again });
  }

  onMore(listener: (key: DestinationKey) => void): void {
    this.#listener = listener;
  }

  began(key: DestinationKey): void {
    const spent = this.#spent.get(key);
    if (spent === undefined) return;
    spent.spend(this.#options.clock.monotonic());
    // The supervisor should know of it when this process dies.
    this.#report(`rate ${key}`);
  }

  of({ key, active, wanted, down }: RoomAsked): number {
    if (active === 0) this.#places.delete(key);
    else this.#places.set(key, { active, down });
    const place = () => this.#places.get(key) ?? NOWHERE;
    const probes = this.#ask(`probe ${key}`, key, down ? wanted : 0, () => {
      const { active, down } = place();
      return down ? active : 0;
    });
    // Who may not probe leaves the connection to whoever may: each would wait for what the other has.
    const most = down && probes === 0 ? active : wanted;
    const connections = this.#ask(`connections ${key}`, key, most, () =>
      Math.max(place().active, this.#options.open(key)),
    );
    const room = Math.min(connections, this.#ofRate(key, active, most));
    return down ? Math.min(room, probes) : room;
  }

  #ofRate(key: DestinationKey, active: number, wanted: number): number {
    const seconds = this.#options.period(key);
    if (seconds === undefined) return Number.POSITIVE_INFINITY;
    let spent = this.#spent.get(key);
    if (spent === undefined || spent.seconds !== seconds) {
      spent = new SpentTokens(seconds);
      this.#spent.set(key, spent);
    }
    const now = this.#options.clock.monotonic();
    const used = spent.count(now);
    const more = Math.max(0, wanted - active);
    const granted = this.#ask(`rate ${key}`, key, more === 0 ? 0 : used + more, () =>
      spent.count(this.#options.clock.monotonic()),
    );
    const left = Math.max(0, granted - used);
    if (left < more && used > 0) this.#wakeAt(spent.nextAt(now), key, now);
    return active + left;
  }

  #wakeAt(at: number, key: DestinationKey, now: number): void {
    if ((this.#rested.get(key) ?? Number.POSITIVE_INFINITY) <= at) return;
    this.#rested.set(key, at);
    this.#options.clock.after(at - now, () => {
      this.#rested.delete(key);
      this.#listener(key);
    });
  }

  /** What may be used of a budget, which is asked for where it is less than wanted. */
  #ask(id: BudgetId, key: DestinationKey, wanted: number, use: () => number): number {
    let entry = this.#entries.get(id);
    const questions = this.#questionsOf(id);
    if (wanted === 0 || (entry !== undefined && entry.granted > 0)) questions.close(id);
    else if (!questions.ask(id, key)) wanted = 0;
    if (entry === undefined) {
      if (wanted === 0) return 0;
      entry = { key, use, want: wanted, peak: wanted, granted: 0, number: 0, told: undefined };
      this.#entries.set(id, entry);
      this.#watch();
    }
    entry.want = wanted;
    entry.peak = wanted === 0 ? 0 : Math.max(entry.peak, wanted);
    if (isNews(entry)) this.#report(id);
    this.#tellLess(id, entry);
    return entry.granted;
  }

  /** Connections that may be open to a destination now. */
  most(key: DestinationKey): number {
    return this.#entries.get(`connections ${key}`)?.granted ?? 0;
  }

  /** A connection to it has been closed. */
  closed(key: DestinationKey): void {
    const id = `connections ${key}`;
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#tellLess(id, entry);
  }

  /** Somebody waits for what is in use beyond what was granted. */
  #tellLess(id: BudgetId, { told, granted, use }: Entry): void {
    if (told !== undefined && told.use > granted && use() < told.use) this.#report(id);
  }

  #questionsOf(id: BudgetId): Questions {
    return id.startsWith('probe ') ? this.#probes : this.#questions;
  }

  /** From the supervisor: what this worker may use from now on. */
  grant(grants: readonly Grant[]): void {
    for (const { id, tokens, number } of grants) {
      const entry = this.#entries.get(id);
      if (entry === undefined) {
        this.#options.tell([{ id, want: 0, use: 0, by: number }]);
        continue;
      }
      if (number <= entry.number) continue;
      const more = tokens > entry.granted;
      Object.assign(entry, { granted: tokens, number });
      if (tokens > 0) this.#questionsOf(id).close(id);
      if (more) this.#listener(entry.key);
      else {
        if (id.startsWith('connections ')) this.#options.trim(entry.key, tokens);
        this.#report(id);
      }
    }
  }

  #report(id: BudgetId): void {
    this.#dirty.add(id);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.clock.soon(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const needs: WorkerNeed[] = [];
    for (const id of this.#dirty) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      entry.told = { id, want: entry.peak, use: entry.use(), by: entry.number };
      needs.push(entry.told);
    }
    this.#dirty.clear();
    if (needs.length > 0) this.#options.tell(needs);
  }

  /** Once a second what has changed without hurry is told, and what is over forgotten. */
  #watch(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#options.clock.after(SWEEP_MS, () => {
      this.#sweeping = false;
      for (const [id, { peak, use, number, told }] of this.#entries) {
        if (told?.want !== peak || told.use !== use() || told.by !== number) this.#dirty.add(id);
      }
      this.#flush();
      for (const entry of this.#entries.values()) entry.peak = entry.want;
      for (const [id, { told }] of this.#entries) {
        if (told?.want === 0 && told.use === 0) {
          this.#entries.delete(id);
          this.#questionsOf(id).close(id);
        }
      }
      if (this.#entries.size > 0) this.#watch();
    });
  }
}

/**
 * Whether more is wanted than the supervisor knows of. How much more matters little while it is more than there is: with
 * each message told, tokens would go to and fro between workers that all have more to do than they may, and connections
 * with them.
 */
function isNews({ want, granted, told }: Entry): boolean {
  return want > granted && (told === undefined || told.want <= granted || want >= 2 * told.want);
}
