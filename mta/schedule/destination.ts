/**
 * One destination's queue: what is ready for it, how many attempts run, and whether it is down. Pure state: the
 * scheduler calls it and does what it says.
 *
 * A destination that hasn't answered yet runs one attempt. One that has runs up to `window`, which opens by one with
 * each answer, from a few to the limit.
 * Down, it runs one attempt at a time, a probe, each after a longer wait; what else is ready waits for a probe to
 * succeed, and isn't counted as tried.
 */
import type { Job, QueueId, StoredReply } from '../queue/types.ts';
import type { DestinationKey } from '../route/types.ts';
import type { FairLines } from './fair-queue.ts';
import type { Plan } from './plan.ts';
import { RankedQueue } from './ranked-queue.ts';

/** A job whose turn has come, and the message it is of. */
export interface Work {
  readonly id: QueueId;
  readonly job: Job;
}

const FIRST_WINDOW = 4;
/** Of so many turns one is a retry's, when fresh mail is waiting as well. */
const RETRY_TURN = 4;

export class DestinationQueue {
  readonly key: DestinationKey;
  /** Of this process; another's after it has gone. */
  readonly number: number;
  active = 0;
  /** Consecutive attempts that reached no host. */
  failures = 0;
  /** Monotonic ms before which nothing is tried; 0 while the destination is up. */
  probeAt = 0;
  /** Monotonic ms before which what waits isn't looked through for what has expired. */
  lapseAt = 0;
  lastReply: StoredReply | undefined;
  /** Whether a host has answered since the last failure. */
  proven: boolean;
  readonly #lines: FairLines;
  #fresh: RankedQueue;
  #retries: RankedQueue;
  /** What a search has not come to yet. */
  #unseen: RankedQueue[] = [];
  #window = FIRST_WINDOW;
  #turn = 0;

  /** @param proven whether it answered when it was last used */
  constructor(key: DestinationKey, number: number, proven: boolean, lines: FairLines) {
    this.key = key;
    this.number = number;
    this.proven = proven;
    this.#lines = lines;
    this.#fresh = new RankedQueue(lines);
    this.#retries = new RankedQueue(lines);
  }

  get ready(): number {
    return this.#fresh.size + this.#retries.size + this.unseen;
  }

  /** Whether mail waits for it that has not been tried and may not wait for other mail, and it isn't known to be down. */
  get freshMail(): boolean {
    return this.failures === 0 && this.#fresh.priority >= 0;
  }

  /** Whether mail of a higher priority than most waits for it, and it isn't known to be down. */
  get urgentMail(): boolean {
    return this.failures === 0 && Math.max(this.#fresh.priority, this.#retries.priority) > 0;
  }

  /** Ready for it, and not yet seen by the search that is on. */
  get unseen(): number {
    return this.#unseen.reduce((sum, { size }) => sum + size, 0);
  }

  push(plan: Plan, sender: string, { attempts, priority = 0 }: Pick<Job, 'attempts' | 'priority'>): void {
    (attempts === 0 ? this.#fresh : this.#retries).push(sender, plan, priority);
  }

  /** Whether an attempt may start now, at most `limit` at once. */
  runnable(now: number, limit: number): boolean {
    if (this.ready === 0 || this.active >= limit) return false;
    if (this.failures > 0) return this.active === 0 && now >= this.probeAt;
    if (!this.proven) return this.active === 0;
    return this.active < Math.min(this.#window, limit);
  }

  /** Attempts that would run if there were room for any number. */
  get wanted(): number {
    if (this.failures > 0 || !this.proven) return Math.max(this.active, Math.min(1, this.ready));
    return Math.max(this.active, Math.min(this.#window, this.active + this.ready));
  }

  shift(): Plan | undefined {
    const ahead = this.#fresh.priority - this.#retries.priority;
    if (ahead > 0) return this.#fresh.shift();
    if (ahead < 0) return this.#retries.shift();
    this.#turn = (this.#turn + 1) % RETRY_TURN;
    const [first, second] = this.#turn === 0 ? [this.#retries, this.#fresh] : [this.#fresh, this.#retries];
    return first.shift() ?? second.shift() ?? this.shiftUnseen();
  }

  /** Begins a search through all that is ready: `shiftUnseen` takes it out, `push` puts back what is to stay. */
  beginSearch(): void {
    this.#unseen = [...this.#unseen, this.#fresh, this.#retries];
    this.#fresh = new RankedQueue(this.#lines);
    this.#retries = new RankedQueue(this.#lines);
  }

  shiftUnseen(): Plan | undefined {
    while (this.#unseen[0]?.size === 0) this.#unseen.shift();
    return this.#unseen[0]?.shift();
  }

  /** A host answered, whatever it said of the message. */
  answered(): void {
    this.failures = 0;
    this.probeAt = 0;
    this.lastReply = undefined;
    if (this.proven) this.#window += 1;
    this.proven = true;
  }

  /** No host could be reached: down until the probe at `probeAt`. */
  unreachable(probeAt: number, reply: StoredReply): void {
    this.failures += 1;
    this.probeAt = probeAt;
    this.lastReply = reply;
    this.proven = false;
    this.#window = FIRST_WINDOW;
  }

  /** A person wants it tried now. */
  wake(): void {
    this.probeAt = 0;
  }
}
