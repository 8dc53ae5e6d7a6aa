/** What a settlement makes of a message's jobs. Pure. */
import type { EndedRecipient, Job, StoredReply } from './types.ts';

/** Recipients that ended or are in a new job leave their old ones; a job without recipients goes. */
export function applySettlement(
  jobs: readonly Job[],
  settlement: { readonly ended: readonly EndedRecipient[]; readonly deferred: readonly Job[] },
): readonly Job[] {
  const leaving = new Set<number>();
  for (const { recipient } of settlement.ended) leaving.add(recipient);
  for (const job of settlement.deferred) for (const recipient of job.recipients) leaving.add(recipient);
  const staying: Job[] = [];
  for (const job of jobs) {
    const recipients = job.recipients.filter((recipient) => !leaving.has(recipient));
    if (recipients.length === job.recipients.length) staying.push(job);
    else if (recipients.length > 0) staying.push({ ...job, recipients });
  }
  return [...staying, ...settlement.deferred];
}

/** Distinct values kept; a process sees few of each among many jobs. */
const MOST_INTERNED = 100_000;

/**
 * Makes equal parts of jobs one object: a million jobs share their destinations, replies and most of their recipient
 * lists. Forgets everything when it has grown too large, which costs memory and nothing else.
 */
export class JobInterner {
  readonly #strings = new Map<string, string>();
  readonly #replies = new Map<string, StoredReply>();
  readonly #recipients = new Map<string, readonly number[]>();

  string(value: string): string {
    return remember(this.#strings, value, value);
  }

  intern(job: Job): Job {
    return {
      destination: this.string(job.destination),
      recipients:
        job.recipients.length > 4
          ? job.recipients
          : remember(this.#recipients, job.recipients.join(), job.recipients),
      attempts: job.attempts,
      dueAt: job.dueAt,
      ...(job.held ? { held: true } : undefined),
      ...(job.delayWarned ? { delayWarned: true } : undefined),
      ...(job.lastReply ? { lastReply: this.#reply(job.lastReply) } : undefined),
    };
  }

  #reply(reply: StoredReply): StoredReply {
    const key = `${reply.code} ${reply.enhanced} ${reply.remote ?? ''} ${reply.text}`;
    return remember(this.#replies, key, reply);
  }
}

function remember<T>(known: Map<string, T>, key: string, value: T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= MOST_INTERNED) known.clear();
  known.set(key, value);
  return value;
}
