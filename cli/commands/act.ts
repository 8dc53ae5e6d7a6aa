/** `postrider hold|release|retry|remove` */
import { Command } from 'commander';
import type { QueueAction } from '../../mta/control/types.ts';
import { clientForState } from '../control/client.ts';
import { type Context, stateOption } from './context.ts';
import { type FilterOptions, selectionOf, withFilter } from './selection.ts';
import { countText } from './table.ts';

type Options = FilterOptions & { readonly state: string; readonly all?: true };

interface Words {
  readonly summary: string;
  readonly description: string;
  readonly done: string;
  /** What may be the matter where none was changed. */
  readonly none?: string;
}

const actions: Readonly<Record<QueueAction, Words>> = {
  hold: {
    summary: 'keep messages back',
    description: 'Keeps messages in the queue, untried and unexpired, until they are released.',
    done: 'held',
  },
  release: {
    summary: 'let held messages go',
    description: 'Lets held messages go: they are tried at once.',
    done: 'released',
  },
  retry: {
    summary: 'try deferred messages now',
    description: 'Tries deferred messages now, without waiting for their next attempt.',
    done: 'to be tried now',
    none: 'Held messages are not retried: `postrider release` lets them go. Others may be under way already.',
  },
  remove: {
    summary: 'remove messages for good',
    description:
      'Removes messages from the queue for good. Nobody gets a bounce; the history says that it was done.',
    done: 'removed',
  },
};

export function actCommand(action: QueueAction, { write, fail }: Context): Command {
  const { summary, description, done, none } = actions[action];
  return withFilter(new Command(action))
    .summary(summary)
    .description(description)
    .argument('[ids...]', 'queue ids')
    .option('--all', 'all messages')
    .addOption(stateOption())
    .addHelpText('after', '\nExit codes: 0 some message was changed, 1 none was, 2 wrong usage.')
    .action(async (ids: string[], { state, ...options }: Options) => {
      const selection = selectionOf(ids, options);
      const changed = await clientForState(state).act(action, selection);
      write(`${countText(changed, 'message')} ${done}`);
      if (changed > 0) return;
      if (none !== undefined) write(none);
      fail();
    });
}
