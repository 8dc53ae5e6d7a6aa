/**
 * Lanes on their way to another worker. What was begun is ended: clients finish their messages, attempts are recorded;
 * then the lane is let go, with the name of who should take it. Where that takes too long, or the process stops or
 * loses the lane meanwhile, it isn't given: it is served here, or let go for anybody, as any other.
 */
import type { Clock } from '../clock.ts';
import { within } from '../within.ts';
import type { Lane } from './lane.ts';
import { parseQueueId } from './layout.ts';
import type { QueueId, WorkerId } from './types.ts';

/** How long a lane waits for clients to finish, and then for attempts. */
const DRAFTS_MS = 60_000;
const ATTEMPTS_MS = 15_000;

export interface GiveAwayParts {
  readonly clock: Clock;
  readonly isOurs: (lane: Lane) => boolean;
  /** New mail goes elsewhere from when it resolves. */
  readonly takeMailFrom: (lane: Lane) => Promise<void>;
  readonly letGo: (lane: Lane, to: WorkerId) => Promise<void>;
  /** Its messages are to be tried again. */
  readonly onStay: (lane: Lane) => void;
}

export class GiveAways {
  readonly #parts: GiveAwayParts;
  readonly #listeners: ((lane: string) => Promise<void>)[] = [];
  readonly #giving = new Map<string, Promise<boolean>>();
  /** Lanes for which nothing new is attempted. */
  readonly #yielding = new Map<string, Lane>();

  constructor(parts: GiveAwayParts) {
    this.#parts = parts;
  }

  onYield(listener: (lane: string) => Promise<void>): void {
    this.#listeners.push(listener);
  }

  /** As `Queue.giveAway`. */
  give(lane: Lane, to: WorkerId): Promise<boolean> {
    if (this.#giving.has(lane.id)) return Promise.resolve(false);
    const given = this.#give(lane, to).finally(() => this.#giving.delete(lane.id));
    this.#giving.set(lane.id, given);
    return given;
  }

  has(lane: Lane): boolean {
    return this.#giving.has(lane.id);
  }

  yielding(id: QueueId): boolean {
    if (this.#yielding.size === 0) return false;
    const parsed = parseQueueId(id);
    const lane = parsed && this.#yielding.get(parsed.lane);
    // One that was let go may be ours again before word of it is on the volume.
    return lane !== undefined && this.#parts.isOurs(lane);
  }

  /** Resolves when no attempt for any message of the lane is under way; nothing keeps new ones from beginning. */
  async quiet(lane: string): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener(lane)));
  }

  /** Resolves when no lane is past the point at which it could stay. */
  async settled(): Promise<void> {
    for (const lane of this.#yielding.keys()) await this.#giving.get(lane);
  }

  async #give(lane: Lane, to: WorkerId): Promise<boolean> {
    const { clock, isOurs, takeMailFrom, letGo, onStay } = this.#parts;
    await takeMailFrom(lane);
    const finished = await within(clock, DRAFTS_MS, lane.drafts.allEnded());
    const given = finished && isOurs(lane) && (await this.#yield(lane)) && isOurs(lane);
    if (given) await letGo(lane, to);
    this.#yielding.delete(lane.id);
    if (!given && isOurs(lane)) onStay(lane);
    return given;
  }

  /** Nothing new is begun; resolves with whether nothing is under way any more. */
  #yield(lane: Lane): Promise<boolean> {
    this.#yielding.set(lane.id, lane);
    return within(this.#parts.clock, ATTEMPTS_MS, this.quiet(lane.id));
  }
}
