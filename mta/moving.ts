/**
 * Messages that move between this worker and other pods: what is under way stays until it has ended, and each move is
 * told to the mail log, the history and the metrics. Fails as `HandOver` and `Receptions` do.
 */
import type { Clock } from './clock.ts';
import type { WorkerMetrics } from './control/metrics.ts';
import { handOverPeers } from './fleet/hand-over-peers.ts';
import type { MemberCalls } from './fleet/types.ts';
import type { MailLog } from './log/types.ts';
import type { LaneQueue } from './queue/queue.ts';
import { HandOver, type MovedMessage } from './queue/transfer/hand-over.ts';
import { movedReply } from './queue/transfer/lane-transfers.ts';
import { Receptions, type TakenMessage } from './queue/transfer/receptions.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './schedule/scheduler.ts';

export interface MovingDeps {
  readonly queue: LaneQueue;
  readonly scheduler: Pick<Scheduler, 'isActive'>;
  readonly calls: MemberCalls;
  readonly log: MailLog;
  readonly metrics: Pick<WorkerMetrics, 'ended' | 'moved'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: { warn(fields: object, message: string): void };
}

export interface Moving {
  readonly handOver: HandOver;
  readonly receptions: Receptions;
}

export function createMoving(deps: MovingDeps): Moving {
  const { queue, scheduler, calls, clock, random, logger } = deps;
  const handOver = new HandOver({
    queue,
    peers: handOverPeers(calls),
    clock,
    random,
    mayMove: ({ id, jobs }) => !jobs.some((job) => scheduler.isActive(id, job)),
    onMoved: (moved) => tellMoved(deps, moved),
    log: logger,
  });
  const receptions = new Receptions({ queue, random, onTaken: (taken) => tellTaken(deps, taken) });
  return { handOver, receptions };
}

/** One line for each recipient that has left; addresses are missing where the message could not be read again. */
function tellMoved({ log, metrics, clock }: MovingDeps, { entry, message, to, as }: MovedMessage): void {
  const { id, size, jobs, arrivedAt } = entry;
  const envelope = message?.envelope;
  const firstId = envelope?.firstId;
  const user = envelope?.origin.user;
  const delay = clock.now() - arrivedAt;
  metrics.moved('out', size);
  for (const { recipients, destination, attempts } of jobs) {
    for (const recipient of recipients) {
      metrics.ended('moved', delay);
      log.ended({
        id,
        from: envelope?.from ?? '',
        to: envelope?.recipients[recipient]?.address ?? '',
        destination,
        reply: movedReply(to, as),
        delay,
        attempts,
        outcome: 'moved',
        member: to,
        movedAs: as,
        ...(firstId === undefined ? {} : { firstId }),
        ...(user === undefined ? {} : { user }),
      });
    }
  }
}

function tellTaken({ log, metrics }: MovingDeps, { id, from, header, size }: TakenMessage): void {
  metrics.moved('in', size);
  log.taken({ id, member: from, envelope: header.envelope, jobs: header.jobs, size });
}
