/** `postrider validate DIR` */
import { Command } from 'commander';
import { faultLines, findingsOf } from '../local/findings.ts';
import { parsePorts } from '../local/ports.ts';
import { loadProject } from '../local/project.ts';
import { DEFAULT_STATE } from '../local/state.ts';
import { offline } from '../local/surroundings.ts';
import { type Context, mtaOption, outputOption } from './context.ts';
import { countText } from './table.ts';

interface Options {
  readonly mta?: string;
  readonly output: 'text' | 'json';
  readonly withoutSecrets?: boolean;
}

export function validateCommand({ write, fail, clock, random }: Context): Command {
  return new Command('validate')
    .summary('check a folder of manifests, offline')
    .description(
      'Checks the manifests of DIR as the operator would: their fields, what they refer to, conflicts between them. Needs no cluster and no state; writes nothing.',
    )
    .argument('<dir>', 'folder of manifests')
    .addOption(mtaOption())
    .option('--without-secrets', 'the Secrets are kept elsewhere: that they are missing here is no fault')
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
Prints one line per fault: FILE:LINE:COLUMN: KIND/NAME: FIELD: REASON: MESSAGE.
Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage.`,
    )
    .action((folder: string, { output, withoutSecrets, ...options }: Options) => {
      const ports = parsePorts([]);
      const project = loadProject(
        folder,
        { ...options, ports },
        offline(DEFAULT_STATE, ports, clock, random),
      );
      const findings = findingsOf(
        project,
        new Set(withoutSecrets ? ['SecretNotFound', 'SecretKeyNotFound'] : []),
      );
      if (output === 'json') {
        write(JSON.stringify(findings, null, 2));
      } else {
        for (const line of faultLines(findings)) write(line);
        if (findings.ok) write(`${countText(findings.resources.length, 'resource')}, nothing wrong`);
      }
      if (!findings.ok) fail();
    });
}
