/** The queue as the control port shows it. */
import type { MessageSummary, QueueSummary } from '../../mta/control/types.ts';
import type { Mta } from './mta.ts';

export async function queue(mta: Mta): Promise<QueueSummary> {
  return (await mta.control('/queue')) as QueueSummary;
}

export async function messages(mta: Mta): Promise<readonly MessageSummary[]> {
  return (await mta.control('/queue/messages')) as readonly MessageSummary[];
}
