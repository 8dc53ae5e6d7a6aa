/** Names a job among a million: numbers alone, until its turn has come. */
import type { Job, MessageHandle } from '../queue/types.ts';

export interface Plan {
  readonly message: MessageHandle;
  /** The first recipient of the job: no two jobs of a message share one. */
  readonly first: number;
  /** Ms since the epoch, when it was to be tried. */
  readonly dueAt: number;
}

/** The job that was planned, among those that its message has now. */
export function plannedJob(plan: Plan, jobs: readonly Job[]): Job | undefined {
  const job = jobs.find((each) => each.recipients[0] === plan.first);
  // One that has been put off since, or held, has been planned anew by whoever did that, or will be.
  return job === undefined || job.held === true || job.dueAt > plan.dueAt ? undefined : job;
}

/** Whether these are one job, as far as trying it goes: the queue makes equal ones anew. */
export function isSame(one: Job, other: Job): boolean {
  return (
    one.recipients[0] === other.recipients[0] &&
    one.attempts === other.attempts &&
    one.dueAt === other.dueAt &&
    one.destination === other.destination
  );
}
