/** How a message's recipients are grouped into jobs: by destination, in portions that any next hop must take. */
import type { Envelope } from './envelope.ts';
import type { Job } from './queue/types.ts';
import type { DestinationKey } from './route/types.ts';

/** RFC 5321 §4.5.3.1.8: every server takes at least 100 recipients in one transaction. */
const MOST_RECIPIENTS = 100;

/**
 * @param recipients indexes into `envelope.recipients`
 * @param destinationOf the destination's key for one of them
 * @param from what the new jobs have in common
 */
export function planJobs(
  recipients: readonly number[],
  destinationOf: (recipient: number) => DestinationKey,
  from: Omit<Job, 'destination' | 'recipients'>,
): Job[] {
  if (recipients.length === 1) {
    return [{ ...from, destination: destinationOf(recipients[0]!), recipients: [...recipients] }];
  }
  const groups = new Map<DestinationKey, number[]>();
  for (const recipient of recipients) {
    const destination = destinationOf(recipient);
    const group = groups.get(destination);
    if (group === undefined) groups.set(destination, [recipient]);
    else group.push(recipient);
  }
  const jobs: Job[] = [];
  for (const [destination, group] of groups) {
    for (let at = 0; at < group.length; at += MOST_RECIPIENTS) {
      jobs.push({ ...from, destination, recipients: group.slice(at, at + MOST_RECIPIENTS) });
    }
  }
  return jobs;
}

/** What a message asks for of all its jobs. */
export function askedFor({
  arrivedAt,
  deliverBy = 0,
  priority = 0,
}: Pick<Envelope, 'arrivedAt' | 'deliverBy' | 'priority'>): Pick<Job, 'deliverBy' | 'priority'> {
  return {
    // Whoever had it when its time passed has told the sender.
    ...(deliverBy > arrivedAt ? { deliverBy } : undefined),
    ...(priority === 0 ? undefined : { priority }),
  };
}
