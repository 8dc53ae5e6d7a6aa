/** What becomes of a message whose deliver-by-time has passed (RFC 2852 §4.1.3). Pure; the flow stores and logs it. */
import type { Envelope } from './envelope.ts';
import { smtpError } from './errors.ts';
import type { Job, StoredReply } from './queue/types.ts';
import { replyLine } from './reports/status.ts';
import { type Decision, storedReply } from './settle.ts';

/** With what was said last, as that is why it is late. */
function reply(name: 'deliveryTimeExpired' | 'deliveryTimePassed', { lastReply }: Job): StoredReply {
  if (lastReply === undefined) return storedReply(smtpError(name));
  const { remote } = lastReply;
  const said = replyLine(lastReply);
  return storedReply(smtpError(name, { detail: remote === undefined ? said : `${remote} said ${said}` }));
}

/** When the message goes back because of its deliver-by-time, in ms since the epoch; Infinity where never. */
export function returnedAt({
  deliverBy,
  deliverByMode,
}: Pick<Envelope, 'deliverBy' | 'deliverByMode'>): number {
  return deliverByMode === 'return' ? (deliverBy ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
}

/**
 * Comes before anything else that is done with a job: mode R gets no further attempt, and goes back; of mode N the sender
 * is told once, and it goes on. Undefined where neither is to be done.
 *
 * @param now ms since the epoch
 */
export function overdue(
  job: Job,
  envelope: Pick<Envelope, 'deliverBy' | 'deliverByMode'>,
  now: number,
): Decision | undefined {
  if (job.held === true) return undefined;
  // An older version of us, whose jobs have no deadline, may have had the message in between.
  if (now >= returnedAt(envelope)) {
    const returned = { outcome: 'expired' as const, reply: reply('deliveryTimeExpired', job) };
    const ended = job.recipients.map((recipient) => ({ recipient, ...returned }));
    return { ended, deferred: [], late: [] };
  }
  if (job.deliverBy === undefined || now < job.deliverBy) return undefined;
  const { deliverBy: _, ...rest } = job;
  return {
    ended: [],
    deferred: [{ ...rest, delayWarned: true }],
    late: job.recipients,
    told: reply('deliveryTimePassed', job),
  };
}
