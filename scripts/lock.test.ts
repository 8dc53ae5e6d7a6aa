/**
 * `npm ci` refuses a lock file without an entry for every optional package, those of other platforms among them. A
 * lock file written where some of them could not be had lacks them, and a fresh clone can't start.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Entry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Readonly<Record<string, Entry>>;
};

/** As Node looks for it: beside the package's own, then further up. */
function found(name: string, from: string): boolean {
  const candidate = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (candidate in lock.packages) return true;
  if (from === '') return false;
  const above = from.lastIndexOf('/node_modules/');
  return found(name, above < 0 ? '' : from.slice(0, above));
}

it('the lock file has every package that it names, of all platforms', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
    Object.keys({ ...entry.dependencies, ...entry.devDependencies, ...entry.optionalDependencies })
      .filter((name) => !found(name, path))
      .map((name) => `${name}, which ${path || 'package.json'} names`),
  );
  expect(missing).toEqual([]);
});
