/**
 * Mail that waits for a destination: when it is to be tried is changed here for all of it, as its owner asks for it, or as
 * config has changed. What a person holds stays held, and what an attempt works on is left alone.
 */
import { changeJobs, falseIfGone, PORTION } from '../change-jobs.ts';
import { type Clock, turn } from '../clock.ts';
import type { Job, Queue, QueueEntry } from '../queue/types.ts';
import type { DestinationKey } from '../route/types.ts';
import type { Scheduler } from '../schedule/scheduler.ts';

export interface WaitingDeps {
  readonly queue: Queue;
  readonly scheduler: Pick<Scheduler, 'add' | 'isActive' | 'wake'>;
  readonly clock: Clock;
}

/** Has all that waits for a destination tried now. Resolves as `reschedule` does. */
export function release(destination: DestinationKey, deps: WaitingDeps): Promise<number> {
  return reschedule(destination, () => deps.clock.now(), deps);
}

/**
 * @param dueAt when a job is to be tried; nothing is put off by it
 * @returns the messages that wait for the destination, once the changes are on stable storage. Rejects with the disk's
 *   error; some may be changed then.
 */
export async function reschedule(
  destination: DestinationKey,
  dueAt: (entry: QueueEntry, job: Job) => number,
  deps: WaitingDeps,
): Promise<number> {
  const { queue, scheduler, clock } = deps;
  let waiting = 0;
  let woken = false;
  const bringForward = (entry: QueueEntry, job: Job): Job | undefined => {
    if (job.destination !== destination || job.held || scheduler.isActive(entry.id, job)) return undefined;
    const at = dueAt(entry, job);
    return at < job.dueAt ? { ...job, dueAt: at } : undefined;
  };
  for (const handles of queue.select({ destination, held: false })) {
    for (let at = 0; at < handles.length; at += PORTION) {
      const entries = handles.slice(at, at + PORTION).flatMap((handle) => queue.at(handle) ?? []);
      waiting += entries.length;
      const changes = entries.map((entry) =>
        changeJobs(entry, (job) => bringForward(entry, job), deps).stored.catch(falseIfGone),
      );
      if (!woken) scheduler.wake(destination);
      woken = true;
      await Promise.all(changes);
    }
    await turn(clock);
  }
  return waiting;
}
