/** Copies of what the simulation runs on, so that a rule can be broken without touching the tree. */
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../support/folders.ts';
import { type Mutant, mutate, placesOf } from './mutant.ts';

const COPIED = ['mta', 'test/simulation', 'test/support', 'package.json'];

/** Runs `work` in a copy of the tree at `root`, with the mutant applied where there is one; removes the copy. */
export async function inCopy<T>(
  root: string,
  mutant: Mutant | undefined,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = temporaryFolder('mutant');
  try {
    for (const path of COPIED) cpSync(join(root, path), join(folder, path), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const place of mutant ? placesOf(mutant) : []) {
      const path = join(folder, place.file);
      writeFileSync(path, mutate(readFileSync(path, 'utf8'), place, mutant!.name));
    }
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
