/** What a client of the simulation sends, as the queue gets it. */
import type { Envelope } from '../../mta/envelope.ts';
import { askedFor, planJobs } from '../../mta/plan.ts';
import type { Job } from '../../mta/queue/types.ts';
import { destinationKey } from './next-hop.ts';
import type { PlannedMessage } from './plan.ts';

/** @param arrivedAt ms since the epoch, by the clock of whoever takes it */
export function letterOf(
  key: string,
  { bounces, recipients, within, priority }: PlannedMessage,
  arrivedAt: number,
): { readonly envelope: Envelope; readonly jobs: readonly Job[] } {
  const envelope: Envelope = {
    from: bounces ? `${key}@sender.test` : '',
    recipients: recipients.map((to, i) => ({ address: `${key}.${i}@d${to}.test` })),
    arrivedAt,
    origin: { listener: 'smtp', protocol: 'ESMTP' },
    ...(priority === undefined ? {} : { priority }),
    ...(within && { deliverBy: arrivedAt + within.ms, deliverByMode: within.mode }),
  };
  const jobs = planJobs(
    recipients.map((_, i) => i),
    (i) => destinationKey(recipients[i]!),
    { attempts: 0, dueAt: arrivedAt, ...askedFor(envelope) },
  );
  return { envelope, jobs };
}
