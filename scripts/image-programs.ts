/**
 * `node scripts/image-programs.ts FOLDER`: the programs as JavaScript, for the image. Types become blanks, so that a line and a column in a
 * stack trace are those of the source. docs/decisions/0132 has what that saves.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const PARTS = ['crds', 'mta', 'operator'];
const OF_TESTS = /\.test\.ts$|(^|\/)testing\//;
/** A relative path in quotes: an import, or a program to start. */
const REFERENCE = /(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g;

/** Of the same length, line by line. */
export const javaScript = (source: string): string =>
  stripTypeScriptTypes(source).replaceAll(REFERENCE, '$1$2.js$1');

/** Contents by path. */
export function programs(root: string): Map<string, string> {
  const files = PARTS.flatMap((part) =>
    readdirSync(join(root, part), { recursive: true, encoding: 'utf8' })
      .map((name) => `${part}/${name}`)
      .filter((path) => path.endsWith('.ts') && !OF_TESTS.test(path)),
  );
  return new Map(
    files
      .sort()
      .map((path) => [path.replace(/ts$/, 'js'), javaScript(readFileSync(join(root, path), 'utf8'))]),
  );
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error('usage: node scripts/image-programs.ts FOLDER');
  for (const [path, text] of programs(resolve(import.meta.dirname, '..'))) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
