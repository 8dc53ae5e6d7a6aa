/** Which config comes next, and its revision: higher than any before on this state folder, and only when it differs. */
import { isDeepStrictEqual } from 'node:util';
import { reasons } from '../../crds/conditions.ts';
import { type MtaConfig, mtaConfigSchema } from '../../mta/config.ts';
import { PostriderError } from '../../mta/errors.ts';
import { idOf } from '../../operator/compile/report.ts';
import { writeDurably } from './files.ts';
import type { Project } from './project.ts';
import type { StatePaths } from './state.ts';

/** Throws `PostriderError` ManifestInvalid where the folder has nothing that could run. */
export function firstConfig(project: Project, last: MtaConfig | undefined, folder: string): MtaConfig {
  if (project.manifests.problems.length > 0 || project.config === undefined) {
    throw new PostriderError(
      'ManifestInvalid',
      `The manifests in ${folder} can't be run: see above what is wrong`,
      {
        hint: `Correct them; \`postrider validate ${folder}\` checks without starting`,
      },
    );
  }
  return last === undefined ? project.config : next(project.config, last);
}

export type Decision =
  | { readonly kind: 'load'; readonly config: MtaConfig }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'keep'; readonly why: string };

const unusable: ReadonlySet<string> = new Set([reasons.Invalid, reasons.NotYetSupported]);

/**
 * What to do after a change. A resource that is wrong is left out; but a file that can't be read hides what was in
 * it, and so does a resource that ran and now breaks its schema, or asks for what isn't supported yet. To take that for a wish to remove it would
 * stop mail: so then everything stays as it was.
 */
export function decide(project: Project, running: MtaConfig): Decision {
  if (project.manifests.problems.length > 0) return { kind: 'keep', why: 'a file cannot be read' };
  if (project.config === undefined) return { kind: 'keep', why: 'the MTA itself is not accepted' };
  const broken = project.diagnostics.find(
    ({ reason, resource }) => unusable.has(reason) && Object.hasOwn(running.resources, idOf(resource)),
  );
  if (broken !== undefined) return { kind: 'keep', why: `${idOf(broken.resource)} is not valid` };
  const config = next(project.config, running);
  return config === running ? { kind: 'unchanged' } : { kind: 'load', config };
}

/** `running` itself where nothing differs. */
function next(config: MtaConfig, running: MtaConfig): MtaConfig {
  return isDeepStrictEqual({ ...config, revision: running.revision }, running)
    ? running
    : { ...config, revision: running.revision + 1 };
}

/** The document that the mta starts with, secrets and all (0600). Parsed before it is written, as every reader will. */
export function storeConfig(files: StatePaths, config: MtaConfig): void {
  writeDurably(files.config, `${JSON.stringify(mtaConfigSchema.parse(config), null, 2)}\n`);
}
