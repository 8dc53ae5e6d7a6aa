/** What a person on call reads, and an alert counts, when a lane changes hands: who took it, from whom, and why. */
import type { Claimable } from './claim.ts';
import type { LaneContext } from './context.ts';
import type { QueueLog } from './deps.ts';
import type { Owner } from './host.ts';

type Taker = Pick<LaneContext, 'log' | 'stats'>;

/** @param tookMs from the claim until its messages could be served */
export function sayAdopted(
  { log, stats }: Taker,
  { lane, reason, before }: Claimable,
  messages: number,
  tookMs: number,
): void {
  stats.adopted[reason] += 1;
  // Under their own names, so that one query finds all that was taken from a pod.
  const { host: from, pid, unchangedMs } = before ?? {};
  log.info({ lane, reason, from, pid, unchangedMs, messages, tookMs: Math.round(tookMs) }, 'lane adopted');
}

/** A lane that we lost is another's now, as its owner file says where that could be read. */
export function sayTaken(log: QueueLog, lane: string, by: Owner | undefined): void {
  log.info({ lane, by: by?.hostname, pid: by?.pid }, 'lane that was lost has another owner');
}
