/**
 * A worker's part of what an owner fetches: sends all that waits here for some destinations over the connection that was
 * lent, one message after the other (RFC 2645 §5.3), and says how the conversation stands then.
 */
import { type Clock, turn } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { Dialogue } from '../deliver/dialogue.ts';
import { SmtpSession } from '../deliver/session.ts';
import type { Session } from '../deliver/types.ts';
import type { Queue } from '../queue/types.ts';
import type { Work } from '../schedule/destination.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import type { AttemptReport } from '../schedule/types.ts';
import { BorrowedSocket } from './borrowed-socket.ts';
import type { Lent } from './loans.ts';
import type { LineState, Loan } from './messages.ts';
import { ownerHop } from './owner.ts';

export interface CarryDeps {
  readonly queue: Pick<Queue, 'select' | 'at'>;
  readonly scheduler: Pick<Scheduler, 'tryNow' | 'isActive'>;
  /** An attempt over a session that is at hand. */
  readonly attempt: (work: Work, session: Session) => Promise<AttemptReport>;
  readonly delivery: () => MtaConfig['delivery'];
  readonly clock: Clock;
}

type Waiting = Pick<CarryDeps, 'queue' | 'scheduler' | 'clock'>;

/** Never rejects: what fails is the connection's end, and the mail waits on. */
export async function carry(loan: Loan, lent: Lent, deps: CarryDeps): Promise<LineState> {
  const socket = new BorrowedSocket(lent);
  const line = {
    dialogue: new Dialogue(socket, deps.clock, loan.host),
    hop: ownerHop(loan),
    extensions: new Map(loan.extensions),
    timeouts: deps.delivery().timeouts,
    now: () => deps.clock.now(),
    needsReset: loan.needsReset,
  };
  const session = new SmtpSession(line, loan.tls, Number.POSITIVE_INFINITY);
  for await (const work of waiting(loan.destinations, deps)) {
    if (!session.reusable) break;
    session.lend();
    await deps.scheduler.tryNow(work, (tried) => deps.attempt(tried, session));
  }
  const { alive } = session;
  session.onEnd(undefined);
  socket.destroy();
  await line.dialogue.closed;
  return { alive, needsReset: line.needsReset };
}

/** Whether there is anything to send. */
export async function anythingWaits(destinations: readonly string[], deps: Waiting): Promise<boolean> {
  for await (const _ of waiting(destinations, deps)) return true;
  return false;
}

async function* waiting(destinations: readonly string[], deps: Waiting): AsyncGenerator<Work> {
  const { queue, scheduler, clock } = deps;
  for (const destination of destinations) {
    for (const handles of queue.select({ destination, held: false })) {
      for (const handle of handles) {
        const entry = queue.at(handle);
        if (entry === undefined) continue;
        for (const job of entry.jobs) {
          if (job.destination !== destination || job.held || scheduler.isActive(entry.id, job)) continue;
          yield { id: entry.id, job };
        }
      }
      await turn(clock);
    }
  }
}
