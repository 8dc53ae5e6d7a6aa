/** What the mail log and the metrics hear of an attempt: of the moment at which it was made, once it is stored. */
import type { Clock } from './clock.ts';
import type { WorkerMetrics } from './control/metrics.ts';
import type { AttemptEvent, MailLog } from './log/types.ts';
import type { Job, StoredMessage, StoredReply } from './queue/types.ts';
import type { NextHop } from './route/types.ts';
import type { Decision } from './settle.ts';

/** With whom an attempt spoke, as far as it came. */
export interface Seen {
  readonly hop?: NextHop | undefined;
  readonly tls?: string | undefined;
  /** It has gone to nobody: this is the end of its way. */
  readonly endsHere?: boolean;
  /** Whether that tells the sender itself what becomes of what it has taken (RFC 3461). */
  readonly notifies?: boolean;
  /** Whether the time to deliver by has gone on with it (RFC 2852). */
  readonly deliversBy?: boolean;
}

/** Tells what came of an attempt: as it was settled, or though a person has removed the message in the meantime. */
export type Teller = (how: 'settled' | 'removed') => void;

/** One line of the mail log for each recipient, and one more for each that has ended. */
export function teller(
  { log, metrics, clock }: { log: MailLog; metrics: WorkerMetrics; clock: Clock },
  message: StoredMessage,
  job: Job,
  decision: Decision,
  { hop, tls }: Seen,
): Teller {
  const { envelope } = message;
  const delay = clock.now() - envelope.arrivedAt;
  const event = (recipient: number, reply: StoredReply, attempts: number): AttemptEvent => ({
    id: message.id,
    from: envelope.from,
    to: envelope.recipients[recipient]!.address,
    destination: job.destination,
    reply,
    delay,
    attempts,
    ...(hop === undefined ? {} : { nextHop: `${hop.host}[${hop.address}]:${hop.port}` }),
    ...(tls === undefined ? {} : { tls }),
    ...(envelope.origin.user === undefined ? {} : { user: envelope.origin.user }),
    ...(envelope.firstId === undefined ? {} : { firstId: envelope.firstId }),
  });
  return (how) => {
    for (const { recipient, outcome, reply } of decision.ended) {
      const ended = event(recipient, reply!, job.attempts + 1);
      log.attempted(ended);
      // No bounce was queued for what a person has removed, and its removal has been told.
      if (how === 'removed' && outcome !== 'delivered') continue;
      log.ended({ ...ended, outcome });
      metrics.ended(outcome, delay);
    }
    if (how === 'removed') return;
    for (const { recipients, lastReply, attempts, dueAt } of decision.deferred) {
      metrics.deferred(recipients.length);
      for (const recipient of recipients) {
        log.attempted({ ...event(recipient, (decision.told ?? lastReply)!, attempts), nextAttemptAt: dueAt });
      }
    }
  };
}
