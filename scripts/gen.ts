/**
 * Writes everything that is generated from source: `npm run gen`. With `--check` it writes nothing, and fails with the
 * names of the files that would change.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { breaksOffFiles } from './gen-breaks-off.ts';
import { chartFiles } from './gen-chart.ts';
import { conformanceFiles } from './gen-conformance.ts';
import { crdFiles } from './gen-crds.ts';
import { deployFiles } from './gen-deploy.ts';
import { mtaStsFiles } from './gen-mta-sts.ts';
import { rfcIndexFiles } from './gen-rfc-index.ts';
import { tlsModesFiles } from './gen-tls-modes.ts';

const root = resolve(import.meta.dirname, '..');

/** Contents by path below the root; undefined for a file that should not be there. */
export type Generated = ReadonlyMap<string, string | undefined>;

const generated: Generated = new Map([
  ...crdFiles(root),
  ...chartFiles(root),
  ...rfcIndexFiles(root),
  ...conformanceFiles(root),
  ...breaksOffFiles(),
  ...mtaStsFiles(),
  ...tlsModesFiles(),
  ...deployFiles(root),
]);

function current(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const changed = [...generated].filter(([path, text]) => current(path) !== text);

if (process.argv.includes('--check')) {
  for (const [path] of changed) console.error(`${path} is not up to date: run npm run gen`);
  process.exitCode = changed.length > 0 ? 1 : 0;
} else {
  for (const [path, text] of changed) {
    const file = join(root, path);
    if (text === undefined) rmSync(file);
    else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    console.log(`${text === undefined ? 'removed' : 'wrote'} ${path}`);
  }
}
