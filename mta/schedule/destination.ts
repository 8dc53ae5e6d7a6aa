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
import { FairQueue } from './fair-queue.ts';

/** A job and the message it is of. */
export interface Work {
  readonly id: QueueId;
  readonly job: Job;
  readonly sender: string;
  /** What the heap of waiting work is ordered by. */
  readonly dueAt: number;
}

const FIRST_WINDOW = 4;
/** Of so many turns one is a retry's, when fresh mail is waiting as well. */
const RETRY_TURN = 4;

export class DestinationQueue {
  readonly key: DestinationKey;
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
  readonly #fresh = new FairQueue<Work>();
  readonly #retries = new FairQueue<Work>();
  #window = FIRST_WINDOW;
  #turn = 0;

  /** @param proven whether it answered when it was last used */
  constructor(key: DestinationKey, proven: boolean) {
    this.key = key;
    this.proven = proven;
  }

  get ready(): number {
    return this.#fresh.size + this.#retries.size;
  }

  push(work: Work): void {
    (work.job.attempts === 0 ? this.#fresh : this.#retries).push(work.sender, work);
  }

  /** Whether an attempt may start now, at most `limit` at once. */
  runnable(now: number, limit: number): boolean {
    if (this.ready === 0) return false;
    if (this.failures > 0) return this.active === 0 && now >= this.probeAt;
    if (!this.proven) return this.active === 0;
    return this.active < Math.min(this.#window, limit);
  }

  shift(): Work | undefined {
    this.#turn = (this.#turn + 1) % RETRY_TURN;
    const [first, second] = this.#turn === 0 ? [this.#retries, this.#fresh] : [this.#fresh, this.#retries];
    return first.shift() ?? second.shift();
  }

  /** Takes out everything that `take` says, and returns it. */
  withdraw(take: (work: Work) => boolean): Work[] {
    const taken: Work[] = [];
    for (const line of [this.#fresh, this.#retries]) {
      for (let left = line.size; left > 0; left -= 1) {
        const work = line.shift()!;
        if (take(work)) taken.push(work);
        else line.push(work.sender, work);
      }
    }
    return taken;
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
