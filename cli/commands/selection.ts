/** Which messages a command is about: ids, or a filter. Throws `PostriderError` UsageError. */
import { type Command, InvalidArgumentError } from 'commander';
import { PostriderError } from '../../mta/errors.ts';
import type { Selection } from '../control/client.ts';

export interface FilterOptions {
  readonly destination?: string;
  readonly from?: string;
  readonly to?: string;
  readonly held?: true;
}

export function withFilter(command: Command): Command {
  return command
    .option('--destination <key>', 'only for this destination, as `postrider queue` names it')
    .option('--from <address>', 'only with this reverse-path')
    .option('--to <address>', 'only with this recipient')
    .option('--held', 'only messages that are held');
}

export function selectionOf(
  ids: readonly string[],
  options: FilterOptions & { readonly all?: true },
): Selection {
  const { all, destination, from, to, held } = options;
  const filter = { destination, from, to, held };
  const filtered = Object.values(filter).some((value) => value !== undefined);
  if (Number(ids.length > 0) + Number(filtered) + Number(all === true) !== 1) {
    throw new PostriderError(
      'UsageError',
      'Name messages by their ids, by a filter, or all of them with --all',
      {
        hint: '`postrider list` shows ids',
      },
    );
  }
  if (ids.length > 0) return { ids };
  return all ? { all } : filter;
}

export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return number;
}
