/**
 * While a destination is down nobody tries what waits for it, so what is too old is ended here; and so is what has a
 * deadline (RFC 2852), whatever it waits for. In portions, each stored before the next: there may be a hundred thousand,
 * and each may bring a bounce.
 */
import { turn } from '../clock.ts';
import type { StoredReply } from '../queue/types.ts';
import type { DestinationKey } from '../route/types.ts';
import type { DestinationQueue, Work } from './destination.ts';
import { DueHeap } from './due-heap.ts';
import { mayBeLate } from './lateness.ts';
import type { Plan } from './plan.ts';
import type { AttemptReport, SchedulerOptions } from './types.ts';
import type { UnderWay } from './under-way.ts';

/**
 * What waits for one destination is looked through no more often than this: it may be a million. And so is a message whose
 * deadline has passed.
 */
const EVERY_MS = 30_000;
const STORED_AT_ONCE = 64;
/** Plans looked at in one turn of the event loop: a few ms. */
const PORTION = 1000;

export interface LapsesParts {
  readonly underWay: UnderWay;
  /** The work as the queue has it now; undefined where there is none left, or none for this destination. */
  current(plan: Plan, destination?: DestinationKey): Work | undefined;
  /** What has lapsed, or not, is planned anew; resolves when it is stored. */
  ended(work: Work, report: AttemptReport): Promise<void>;
  /** What a lapse that rejected comes to. */
  defect(error: unknown): AttemptReport;
  stopping(): boolean;
}

export class Lapses {
  readonly #options: SchedulerOptions;
  readonly #parts: LapsesParts;
  /** By wall clock: deadlines of jobs that are ready. */
  readonly #deadlines = new DueHeap();
  #isEnding = false;

  constructor(options: SchedulerOptions, parts: LapsesParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Ends what is too old of a destination that is down, unless it has just been looked through. */
  async lookThrough(destination: DestinationQueue, reply: StoredReply): Promise<void> {
    const { clock, delivery, queue } = this.#options;
    if (clock.monotonic() < destination.lapseAt || destination.unseen > 0) return;
    destination.lapseAt = clock.monotonic() + EVERY_MS;
    destination.beginSearch();
    let seen = 0;
    let late: Plan[] = [];
    while (!this.#parts.stopping()) {
      const plan = destination.shiftUnseen();
      if (plan === undefined) break;
      const entry = queue.at(plan.message);
      const work = this.#parts.current(plan, destination.key);
      if (entry === undefined || work === undefined) continue;
      if (!mayBeLate(work.job, entry.arrivedAt, clock.now(), delivery())) {
        destination.push(plan, entry.sender, work.job);
      } else if (late.push(plan) === STORED_AT_ONCE) {
        await this.#endAll(late, reply);
        late = [];
      }
      seen += 1;
      if (seen % PORTION === 0) await turn(clock);
    }
    if (!this.#parts.stopping()) await this.#endAll(late, reply);
  }

  /** When the next deadline is to be looked at, ms since the epoch; Infinity where there is none, or some are looked at now. */
  get deadline(): number {
    return this.#isEnding ? Number.POSITIVE_INFINITY : this.#deadlines.dueAt;
  }

  /** A job is ready, and may stay so until after its deadline. */
  watch({ message, first }: Plan, deadline: number): void {
    const now = this.#options.clock.now();
    // One that has passed has been looked at, or is with the next attempt.
    const dueAt = deadline > now ? deadline : now + EVERY_MS;
    this.#deadlines.push({ dueAt, key: message, detail: first });
  }

  /** Ends what is still ready at its deadline, or has its sender told; where it is at that already, it does nothing. */
  async endOverdue(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    try {
      await this.#endOverdue();
    } finally {
      this.#isEnding = false;
    }
  }

  async #endOverdue(): Promise<void> {
    const { clock } = this.#options;
    let late: Plan[] = [];
    while (this.#deadlines.dueAt <= clock.now() && !this.#parts.stopping()) {
      const { key: message, detail: first } = this.#deadlines.pop()!;
      const plan = { message, first, dueAt: clock.now() };
      if (this.#parts.current(plan)?.job.deliverBy === undefined) continue;
      if (late.push(plan) < STORED_AT_ONCE) continue;
      await this.#endAll(late);
      late = [];
    }
    await this.#endAll(late);
  }

  async #endAll(plans: readonly Plan[], reply?: StoredReply): Promise<void> {
    const { lapse } = this.#options;
    const { underWay, current, ended, defect } = this.#parts;
    const late = plans.flatMap((plan) => {
      // One may be named twice, or have been changed or tried since it was found.
      const work = current(plan);
      if (work !== undefined) underWay.began(work);
      return work ?? [];
    });
    await Promise.all(
      late.map(async (work) => {
        const report = await lapse(work, reply).catch((error) => defect(error));
        underWay.ended(work);
        await ended(work, report);
      }),
    );
  }
}
