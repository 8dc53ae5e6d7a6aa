/** The CRD YAML of every kind. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { GROUP } from '../crds/kind.ts';
import { kinds } from '../crds/kinds.ts';
import { renderCrd } from '../crds/render.ts';

const FOLDER = 'crds/generated';

/** One file for each kind in a folder that has nothing else. */
export function crdFiles(root: string, folder = FOLDER): Map<string, string | undefined> {
  const files = new Map<string, string | undefined>(stale(root, folder).map((path) => [path, undefined]));
  for (const kind of kinds) {
    const yaml = stringify(renderCrd(kind), { lineWidth: 0, aliasDuplicateObjects: false });
    files.set(
      `${folder}/${GROUP}_${kind.plural}.yaml`,
      `# Generated from crds/ by npm run gen. Do not edit.\n${yaml}`,
    );
  }
  return files;
}

function stale(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => `${folder}/${entry.name}`);
}
