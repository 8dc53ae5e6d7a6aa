/** The commands of `postrider`, as one commander program. */
import { Command } from 'commander';
import { actCommand } from './commands/act.ts';
import { compileCommand } from './commands/compile.ts';
import { configCommand } from './commands/config.ts';
import type { Context } from './commands/context.ts';
import { drainCommand } from './commands/drain.ts';
import { historyCommand } from './commands/history.ts';
import { listCommand } from './commands/list.ts';
import { queueCommand } from './commands/queue.ts';
import { showCommand } from './commands/show.ts';
import { upCommand } from './commands/up.ts';
import { validateCommand } from './commands/validate.ts';

export function program(context: Context, version: string): Command {
  const root = new Command('postrider')
    .description(
      'Mail infrastructure as resources: check manifests, run them on this machine, look after the queue.',
    )
    .version(version)
    .showHelpAfterError('(postrider --help, or postrider COMMAND --help)')
    .addHelpText('after', '\nExit codes: 0 done, 1 problems were found, 2 wrong usage.');
  for (const command of [
    upCommand(context),
    validateCommand(context),
    compileCommand(context),
    queueCommand(context),
    listCommand(context),
    showCommand(context),
    actCommand('hold', context),
    actCommand('release', context),
    actCommand('retry', context),
    actCommand('remove', context),
    historyCommand(context),
    configCommand(context),
    drainCommand(context),
  ]) {
    root.addCommand(command.copyInheritedSettings(root));
  }
  return root;
}
