/** `postrider history` */
import { Command, InvalidArgumentError } from 'commander';
import type { HistoryQuery, HistoryRecord } from '../../mta/log/types.ts';
import { clientForState } from '../control/client.ts';
import { type Context, outputOption, stateOption } from './context.ts';
import { wholeNumber } from './selection.ts';
import { durationText, table } from './table.ts';

interface Options extends HistoryQuery {
  readonly state: string;
  readonly output: string;
}

export function historyCommand({ write }: Context): Command {
  return new Command('history')
    .summary('what became of messages that have left')
    .description('Prints recipients that have reached their end: delivered, bounced, expired or removed.')
    .option('--id <id>', 'only this message')
    .option('--from <address>', 'only with this reverse-path')
    .option('--to <address>', 'only this recipient')
    .option('--since <time>', 'not before: 2026-11-22, or 2026-11-22T08:00:00Z', instant)
    .option('--until <time>', 'not after', instant)
    .option('--limit <count>', 'at most so many recipients, up to 10000', wholeNumber, 100)
    .addOption(stateOption())
    .addOption(outputOption())
    .action(async ({ state, output, ...query }: Options) => {
      const records = await clientForState(state).history(query);
      if (output === 'json') write(JSON.stringify(records, null, 2));
      else for (const line of recordLines(records)) write(line);
    });
}

export function recordLines(records: readonly HistoryRecord[]): string[] {
  if (records.length === 0) return ['Nothing found.'];
  const rows = records.map(({ time, id, from, to, outcome, nextHop, delayMs, reply }) => [
    time,
    id,
    from === '' ? '<>' : from,
    to,
    outcome,
    nextHop ?? '',
    durationText(delayMs / 1000),
    reply,
  ]);
  return table(['TIME', 'ID', 'FROM', 'TO', 'OUTCOME', 'NEXT HOP', 'AFTER', 'REPLY'], rows);
}

/** A day, its beginning in UTC, or a time with its zone. */
export function instant(text: string): string {
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('Write 2026-11-22, or 2026-11-22T08:00:00Z.');
  return new Date(time).toISOString();
}
