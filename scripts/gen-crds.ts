/** The CRD YAML of every kind. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { GROUP } from '../crds/kind.ts';
import { kinds } from '../crds/kinds.ts';
import { renderCrd } from '../crds/render.ts';

const FOLDER = 'crds/generated';

export function crdFiles(root: string): Map<string, string | undefined> {
  const files = new Map<string, string | undefined>(stale(root).map((path) => [path, undefined]));
  for (const kind of kinds) {
    const yaml = stringify(renderCrd(kind), { lineWidth: 0, aliasDuplicateObjects: false });
    files.set(
      `${FOLDER}/${GROUP}_${kind.plural}.yaml`,
      `# Generated from crds/ by npm run gen. Do not edit.\n${yaml}`,
    );
  }
  return files;
}

function stale(root: string): string[] {
  const entries = readdirSync(join(root, FOLDER), { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => `${FOLDER}/${entry.name}`);
}
