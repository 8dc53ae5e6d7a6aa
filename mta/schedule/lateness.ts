/** When something must be done about a message that can't even be tried. Pure. */
import type { Delivery } from '../config.ts';
import type { Job } from '../queue/types.ts';

/**
 * Whether its time may be up, or its sender to be told of the delay. Whether it is a bounce, whose time is shorter, is
 * for the flow to see.
 *
 * @param now ms since the epoch, as `arrivedAt`
 */
export function mayBeLate(job: Job, arrivedAt: number, now: number, delivery: Delivery): boolean {
  const { lifetimeSeconds, bounceLifetimeSeconds, delayWarningSeconds } = delivery;
  const age = now - arrivedAt;
  if (age >= Math.min(lifetimeSeconds, bounceLifetimeSeconds) * 1000) return true;
  return delayWarningSeconds > 0 && age >= delayWarningSeconds * 1000 && job.delayWarned !== true;
}
