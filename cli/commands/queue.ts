/** `postrider queue` */
import { Command } from 'commander';
import type { QueueSummary } from '../../mta/control/types.ts';
import { clientForState } from '../control/client.ts';
import { type Context, outputOption, stateOption } from './context.ts';
import { countText, durationText, sizeText, table } from './table.ts';

export function queueCommand({ write, clock }: Context): Command {
  return new Command('queue')
    .summary('what waits, by destination')
    .description('Prints how much mail is in the queue, in which state, and for which next hops.')
    .addOption(stateOption())
    .addOption(outputOption())
    .action(async ({ state, output }: { state: string; output: string }) => {
      const summary = await clientForState(state).queue();
      if (output === 'json') write(JSON.stringify(summary, null, 2));
      else for (const line of summaryLines(summary, clock.now())) write(line);
    });
}

export function summaryLines(summary: QueueSummary, now: number): string[] {
  const { messages, bytes, oldestSeconds, recipients, full, damaged, destinations } = summary;
  if (messages === 0) return ['The queue is empty.', ...warnings(full, damaged)];
  const age = oldestSeconds === undefined ? '' : `, the oldest for ${durationText(oldestSeconds)}`;
  const states = Object.entries(recipients)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
  const rows = destinations.map((destination) => [
    destination.destination,
    String(destination.messages),
    String(destination.active),
    String(destination.deferred),
    destination.backOffUntil === undefined
      ? ''
      : `in ${durationText((Date.parse(destination.backOffUntil) - now) / 1000)}`,
    destination.lastReply ?? '',
  ]);
  return [
    `${countText(messages, 'message')}, ${sizeText(bytes)}${age}; recipients: ${states.join(', ')}`,
    ...warnings(full, damaged),
    '',
    ...table(['DESTINATION', 'MESSAGES', 'ACTIVE', 'DEFERRED', 'NEXT PROBE', 'LAST REPLY'], rows),
  ];
}

function warnings(full: boolean, damaged: number): string[] {
  return [
    ...(full ? ['The volume is full: new mail is answered 452 4.3.1.'] : []),
    ...(damaged > 0 ? [`${countText(damaged, 'damaged group')} of records kept aside: see the log.`] : []),
  ];
}
