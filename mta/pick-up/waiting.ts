/**
 * Mail that waits for a destination: when it is to be tried is changed here for all of it, as its owner asks for it, or as
 * config has changed. What a person holds stays held, and what an attempt works on is left alone.
 */
import { type Clock, turn } from '../clock.ts';
import { type ErrorCode, PostriderError } from '../errors.ts';
import type { Job, Queue, QueueEntry } from '../queue/types.ts';
import type { DestinationKey } from '../route/types.ts';
import type { Scheduler } from '../schedule/scheduler.ts';

export interface WaitingDeps {
  readonly queue: Queue;
  readonly scheduler: Pick<Scheduler, 'add' | 'isActive' | 'wake'>;
  readonly clock: Clock;
}

/** Messages that are changed in one turn of the event loop: a few ms. */
const PORTION = 128;
/** Of a message that has ended in the meantime, or is another pod's soon. */
const GONE = new Set<ErrorCode>(['NoSuchMessage', 'MessageMoving']);

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
  { queue, scheduler, clock }: WaitingDeps,
): Promise<number> {
  let waiting = 0;
  let woken = false;
  const change = async (entry: QueueEntry): Promise<void> => {
    const deferred = entry.jobs.flatMap((job) => {
      if (job.destination !== destination || job.held || scheduler.isActive(entry.id, job)) return [];
      const at = dueAt(entry, job);
      return at < job.dueAt ? [{ ...job, dueAt: at }] : [];
    });
    if (deferred.length === 0) return;
    // The index has changed at once, and with it the plan: the disk may be long in coming.
    const stored = queue.settle(entry.id, { ended: [], deferred });
    scheduler.add(entry, deferred);
    await stored;
  };
  for (const handles of queue.select({ destination, held: false })) {
    for (let at = 0; at < handles.length; at += PORTION) {
      const entries = handles.slice(at, at + PORTION).flatMap((handle) => queue.at(handle) ?? []);
      waiting += entries.length;
      const changes = entries.map((entry) => change(entry).catch(unlessGone));
      if (!woken) scheduler.wake(destination);
      woken = true;
      await Promise.all(changes);
    }
    await turn(clock);
  }
  return waiting;
}

function unlessGone(error: unknown): void {
  if (!(error instanceof PostriderError && GONE.has(error.code))) throw error;
}
