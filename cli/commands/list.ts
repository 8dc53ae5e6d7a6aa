/** `postrider list` */
import { Command } from 'commander';
import type { MessageSummary } from '../../mta/control/types.ts';
import { clientForState } from '../control/client.ts';
import { type Context, outputOption, stateOption } from './context.ts';
import { type FilterOptions, wholeNumber, withFilter } from './selection.ts';
import { durationText, sizeText, table } from './table.ts';

type Options = FilterOptions & { readonly state: string; readonly output: string; readonly limit: number };

export function listCommand({ write, clock }: Context): Command {
  return withFilter(new Command('list'))
    .summary('messages in the queue')
    .description('Prints the messages that wait, a line per recipient.')
    .option('--limit <count>', 'at most so many messages, up to 10000', wholeNumber, 100)
    .addOption(stateOption())
    .addOption(outputOption())
    .action(async ({ state, output, ...filter }: Options) => {
      const messages = await clientForState(state).messages(filter);
      if (output === 'json') {
        write(JSON.stringify(messages, null, 2));
        return;
      }
      for (const line of messageLines(messages, clock.now())) write(line);
      if (messages.length === filter.limit) write(`… only the first ${filter.limit}; --limit shows more`);
    });
}

export function messageLines(messages: readonly MessageSummary[], now: number): string[] {
  if (messages.length === 0) return ['No messages.'];
  const rows = messages.flatMap(({ id, from, size, arrivedAt, recipients }) =>
    recipients.map(({ address, state, attempts, nextAttemptAt, lastReply }) => [
      id,
      durationText((now - Date.parse(arrivedAt)) / 1000),
      sizeText(size),
      from === '' ? '<>' : from,
      address,
      state,
      String(attempts),
      nextAttemptAt === undefined ? '' : `in ${durationText((Date.parse(nextAttemptAt) - now) / 1000)}`,
      lastReply ?? '',
    ]),
  );
  return table(['ID', 'AGE', 'SIZE', 'FROM', 'TO', 'STATE', 'ATTEMPTS', 'NEXT', 'LAST REPLY'], rows);
}
