/** What a settlement makes of a message's jobs. Pure. */
import type { EndedRecipient, Job } from './types.ts';

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
