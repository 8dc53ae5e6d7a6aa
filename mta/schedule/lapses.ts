/**
 * While a destination is down nobody tries what waits for it, so what is too old is ended here. In portions, each stored
 * before the next: there may be a hundred thousand, and each may bring a bounce.
 */
import { turn } from '../clock.ts';
import type { QueueId, StoredReply } from '../queue/types.ts';
import type { DestinationQueue, Work } from './destination.ts';
import { mayBeLate } from './lateness.ts';
import type { Plan } from './plan.ts';
import type { AttemptReport, SchedulerOptions } from './types.ts';
import type { UnderWay } from './under-way.ts';

/** What waits for one destination is looked through no more often than this: it may be a million. */
const EVERY_MS = 30_000;
const STORED_AT_ONCE = 64;
/** Plans looked at in one turn of the event loop: a few ms. */
const PORTION = 1000;

export interface LapsesParts {
  readonly underWay: UnderWay;
  /** The work as the queue has it now; undefined where there is none left. */
  current(plan: Plan, destination: DestinationQueue): Work | undefined;
  /** What has lapsed, or not, is planned anew; resolves when it is stored. */
  ended(work: Work, report: AttemptReport): Promise<void>;
  /** What a lapse that rejected comes to. */
  defect(error: unknown): AttemptReport;
  stopping(): boolean;
}

export class Lapses {
  readonly #options: SchedulerOptions;
  readonly #parts: LapsesParts;

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
    let late: Work[] = [];
    while (!this.#parts.stopping()) {
      const plan = destination.shiftUnseen();
      if (plan === undefined) break;
      const entry = queue.at(plan.message);
      const work = this.#parts.current(plan, destination);
      if (entry === undefined || work === undefined) continue;
      if (!mayBeLate(work.job, entry.arrivedAt, clock.now(), delivery())) {
        destination.push(plan, entry.sender, work.job.attempts);
      } else if (late.push(work) === STORED_AT_ONCE) {
        await this.#endAll(late, reply);
        late = [];
      }
      seen += 1;
      if (seen % PORTION === 0) await turn(clock);
    }
    if (!this.#parts.stopping()) await this.#endAll(late, reply);
  }

  async #endAll(found: readonly Work[], reply: StoredReply): Promise<void> {
    const { queue, lapse } = this.#options;
    const { underWay, ended, defect } = this.#parts;
    // By a person, or for the pod that it moves to, since it was found.
    const isHeld = (id: QueueId) => queue.entry(id)?.jobs.every(({ held }) => held);
    const late = found.filter(({ id, job }) => !underWay.has(id, job) && !queue.yielding(id) && !isHeld(id));
    for (const work of late) underWay.began(work);
    await Promise.all(
      late.map(async (work) => {
        const report = await lapse(work, reply).catch((error) => defect(error));
        underWay.ended(work);
        await ended(work, report);
      }),
    );
  }
}
