/** `postrider compile DIR` */
import { Command } from 'commander';
import type { MtaConfig } from '../../mta/config.ts';
import { faultLines, findingsOf } from '../local/findings.ts';
import { parsePorts } from '../local/ports.ts';
import { loadProject } from '../local/project.ts';
import { DEFAULT_STATE } from '../local/state.ts';
import { offline } from '../local/surroundings.ts';
import { type Context, mtaOption } from './context.ts';

export function compileCommand({ write, complain, fail, clock, random }: Context): Command {
  return new Command('compile')
    .summary('print the config that a folder of manifests becomes')
    .description(
      'Prints the document that an mta of these manifests would run, as JSON. What a first start makes (control token, certificate, generated passwords) is made up for each call.',
    )
    .argument('<dir>', 'folder of manifests')
    .addOption(mtaOption())
    .option('--show-secrets', 'print keys, passwords and verifiers too')
    .addHelpText(
      'after',
      `
What is wrong goes to standard error, and the rest is compiled without it.
Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage.`,
    )
    .action((folder: string, { showSecrets, ...options }: { mta?: string; showSecrets?: boolean }) => {
      const ports = parsePorts([]);
      const project = loadProject(
        folder,
        { ...options, ports },
        offline(DEFAULT_STATE, ports, clock, random),
      );
      const findings = findingsOf(project);
      for (const line of faultLines(findings)) complain(line);
      if (!findings.ok) fail();
      if (project.config !== undefined) {
        write(JSON.stringify(showSecrets ? project.config : redacted(project.config), null, 2));
      }
    });
}

const redacted = (config: MtaConfig): MtaConfig => ({
  ...config,
  secrets: Object.fromEntries(Object.keys(config.secrets).map((id) => [id, '(redacted)'])),
});
