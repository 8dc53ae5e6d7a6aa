/**
 * What an attempt's replies mean: who has ended, who goes on and until when. Pure; the flow stores and logs it.
 */
import type { RecipientResult } from './deliver/types.ts';
import { type SmtpError, smtpError } from './errors.ts';
import type { EndedRecipient, Job, StoredReply } from './queue/types.ts';

export interface SettleRules {
  /** Ms since the epoch. */
  readonly now: number;
  /** When the message must have ended; undefined while nothing may expire (the wall clock can't be trusted). */
  readonly expiresAt: number | undefined;
  /** Wait before the next attempt, in ms. */
  readonly delay: number;
  /** Age in ms at which the sender is told of the delay; 0 is never. */
  readonly warnAfter: number;
  readonly arrivedAt: number;
}

export interface Decision {
  readonly ended: readonly EndedRecipient[];
  readonly deferred: readonly Job[];
  /** Recipients whose sender is to be told now that they are late. */
  readonly late: readonly number[];
  /** What that one is told; where absent, the last reply. */
  readonly told?: StoredReply;
}

/** RFC 5321 §4.5.3.1.10: what was over a server's limit of recipients is sent in another transaction, at once. */
export const isOverLimit = (reply: StoredReply): boolean =>
  reply.code === 452 && /^4\.(5\.3|0\.0)$/.test(reply.enhanced);

const UNANSWERED: StoredReply = storedReply(
  smtpError('garbageReply', { detail: 'no reply for this recipient' }),
);

export function decide(job: Job, results: readonly RecipientResult[], rules: SettleRules): Decision {
  const ended: EndedRecipient[] = [];
  const later = new Map<string, { reply: StoredReply; recipients: number[]; atOnce: boolean }>();
  const someTaken = results.some(({ reply }) => reply.code < 400);
  const expired = rules.expiresAt !== undefined && rules.now >= rules.expiresAt;
  const replies = new Map(results.map(({ recipient, reply }) => [recipient, reply]));
  for (const recipient of job.recipients) {
    // A recipient that nobody answered for is never taken to be delivered.
    const reply = replies.get(recipient) ?? UNANSWERED;
    if (reply.code < 400) ended.push({ recipient, outcome: 'delivered', reply });
    else if (reply.code >= 500) ended.push({ recipient, outcome: 'bounced', reply });
    else if (expired && job.held !== true) ended.push({ recipient, outcome: 'expired', reply });
    else {
      // One job keeps one reply, so recipients that got different ones part here: each shows its own.
      const key = `${reply.remote} ${reply.code} ${reply.enhanced} ${reply.text}`;
      const group = later.get(key);
      if (group !== undefined) group.recipients.push(recipient);
      else later.set(key, { reply, recipients: [recipient], atOnce: someTaken && isOverLimit(reply) });
    }
  }
  const failed = ended.some(({ outcome }) => outcome !== 'delivered');
  // Who gets a bounce now is warned of the rest with the next attempt: one report at a time.
  const late =
    !failed &&
    rules.warnAfter > 0 &&
    rules.now - rules.arrivedAt >= rules.warnAfter &&
    job.delayWarned !== true;
  // The last attempt is made when the message expires, or has to be delivered by, not a retry interval later.
  const latest =
    rules.expiresAt === undefined ? undefined : Math.min(rules.expiresAt, job.deliverBy ?? rules.expiresAt);
  const deferred: Job[] = [];
  for (const { reply, recipients, atOnce } of later.values()) {
    const retryAt = rules.now + (atOnce ? 0 : rules.delay);
    deferred.push({
      ...job,
      recipients,
      attempts: job.attempts + 1,
      dueAt: latest === undefined ? retryAt : Math.min(retryAt, Math.max(latest, rules.now)),
      lastReply: reply,
      ...(late ? { delayWarned: true } : {}),
    });
  }
  return { ended, deferred, late: late ? deferred.flatMap(({ recipients }) => recipients) : [] };
}

/**
 * An attempt's jobs as they may be stored: without recipients that a person has removed in the meantime, and held where
 * a person has held them.
 */
export function reconcile(current: readonly Job[], deferred: readonly Job[]): Job[] {
  const pending = new Map(current.flatMap((job) => job.recipients.map((recipient) => [recipient, job])));
  return deferred.flatMap((job) => {
    const recipients = job.recipients.filter((recipient) => pending.has(recipient));
    if (recipients.length === 0) return [];
    const held = recipients.some((recipient) => pending.get(recipient)!.held === true);
    return [{ ...job, recipients, ...(held ? { held } : {}) }];
  });
}

/** The same reply for every recipient of a job: an attempt that failed before any of them had its own. */
export function forAll(job: Job, reply: StoredReply): RecipientResult[] {
  return job.recipients.map((recipient) => ({ recipient, reply }));
}

/** An error as it is kept with a recipient. */
export function storedReply(error: SmtpError): StoredReply {
  const { code, enhanced, message: text, remote } = error;
  return { code, enhanced, text, ...(remote === undefined ? {} : { remote }) };
}
