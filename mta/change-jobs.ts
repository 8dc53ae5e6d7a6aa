/**
 * Jobs that wait are changed by others than an attempt: by a person, by the owner of held mail, by another config. What
 * is changed many at a time goes in portions, and what has gone in the meantime is left out.
 */
import { type ErrorCode, PostriderError } from './errors.ts';
import type { Job, Queue, QueueEntry } from './queue/types.ts';
import type { Scheduler } from './schedule/scheduler.ts';

export interface ChangeDeps {
  readonly queue: Pick<Queue, 'settle'>;
  readonly scheduler: Pick<Scheduler, 'add'>;
}

export interface ChangedJobs {
  /** As they are now. */
  readonly jobs: readonly Job[];
  /** Whether there are any, once that is on stable storage. Rejects as the queue's `settle` does. */
  readonly stored: Promise<boolean>;
}

/** Messages that are changed in one turn of the event loop: a few ms. */
export const PORTION = 128;

/** @param change the new job, or undefined where this one stays as it is */
export function changeJobs(
  entry: QueueEntry,
  change: (job: Job) => Job | undefined,
  { queue, scheduler }: ChangeDeps,
): ChangedJobs {
  const jobs = entry.jobs.map(change).filter((job) => job !== undefined);
  if (jobs.length === 0) return { jobs, stored: Promise.resolve(false) };
  // The index has changed at once, and with it the plan: the disk may be long in coming.
  const stored = queue.settle(entry.id, { ended: [], deferred: jobs }).then(() => true);
  scheduler.add(entry, jobs);
  return { jobs, stored };
}

const GONE = new Set<ErrorCode>(['NoSuchMessage', 'MessageMoving']);

/** For a change of one message among others: false where it has ended in the meantime, or is another pod's soon. */
export function falseIfGone(error: unknown): false {
  if (error instanceof PostriderError && GONE.has(error.code)) return false;
  throw error;
}
