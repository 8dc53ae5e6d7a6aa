/** `postrider up [DIR]` */

import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { parsePorts } from '../local/ports.ts';
import { up } from '../local/up.ts';
import { type Context, gather, mtaOption, stateOption } from './context.ts';

const quickstart = fileURLToPath(new URL('../../examples/quickstart', import.meta.url));

export function upCommand({ self, write, signals, clock, random }: Context): Command {
  return new Command('up')
    .summary('run a folder of manifests on this machine')
    .description(
      'Compiles the manifests of DIR (*.yaml, *.yml, *.json, in its folders too), runs the MTA that they describe on loopback, with an inbox that stands in for the mail store, and follows every change of the files. Without DIR it runs the quickstart.',
    )
    .argument('[dir]', 'folder of manifests', relative('.', quickstart) || '.')
    .addOption(stateOption())
    .option(
      '--port <name=number>',
      'another port for control (2580), health (2581), inbox (2524), web, or a listener by its name; may be repeated',
      gather,
    )
    .addOption(mtaOption())
    .addHelpText(
      'after',
      `
What is wrong in a manifest is told with file, line and field. A resource that is wrong is left out; a file that
can't be read leaves the running config as it is. Stop with Ctrl-C: what is under way may end. Again: at once.

Examples:
  postrider up                                   the quickstart
  postrider up ./mail --state /var/tmp/mail      a folder of your own
  postrider up ./mail --port smtp=3525 --port inbox=3524`,
    )
    .action(async (folder: string, options: { state: string; port?: string[]; mta?: string }) => {
      const { state, port = [], ...rest } = options;
      await up({ folder, state, ports: parsePorts(port), ...rest, self, write, ...signals(), clock, random });
    });
}
