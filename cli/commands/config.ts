/** `postrider config` */
import { Command } from 'commander';
import type { ConfigStatus } from '../../mta/control/types.ts';
import { clientForState } from '../control/client.ts';
import { type Context, outputOption, stateOption } from './context.ts';

export function configCommand({ write }: Context): Command {
  return new Command('config')
    .summary('which config is loaded')
    .description('Prints the revision of the config that every worker has loaded, and the resources in it.')
    .addOption(stateOption())
    .addOption(outputOption())
    .action(async ({ state, output }: { state: string; output: string }) => {
      const status = await clientForState(state).config();
      if (output === 'json') write(JSON.stringify(status, null, 2));
      else for (const line of statusLines(status)) write(line);
    });
}

export function statusLines({ revision, resources, refused }: ConfigStatus): string[] {
  return [
    `revision ${revision} is loaded`,
    ...Object.keys(resources).map((name) => `  ${name}`),
    ...(refused === undefined
      ? []
      : [`revision ${refused.revision ?? '?'} was refused at ${refused.at}: ${refused.reason}`]),
  ];
}
