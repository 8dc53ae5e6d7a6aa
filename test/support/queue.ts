/** The queue as the control port shows it. */
import type { QueueSummary } from '../../mta/control/types.ts';
import type { Mta } from './mta.ts';

export async function queue(mta: Mta): Promise<QueueSummary> {
  return (await mta.control('/v1/queue')) as QueueSummary;
}
