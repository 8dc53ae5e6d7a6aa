/**
 * Tests that need programs of Debian packages. On a developer's machine without them they are skipped, and one line
 * says what is missing; with CI=true they fail.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';

const SEARCH = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** Full path of a program, or undefined where it isn't installed. */
export function findProgram(name: string): string | undefined {
  return SEARCH.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Full path of a program that `describeWith` has made sure of. */
export function program(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed: see scripts/debian-packages.sh`);
  return path;
}

/** A `describe` for which the programs, and root where `root` is among them, are there. */
export function describeWith(needs: readonly string[], name: string, tests: () => void): void {
  const missing = needs.filter((need) =>
    need === 'root' ? process.getuid?.() !== 0 : findProgram(need) === undefined,
  );
  describeUnless(missing, 'scripts/debian-packages.sh installs the packages', name, tests);
}

/** Skipped with a line where something is missing; with CI=true that fails. @param remedy what to do about it */
export function describeUnless(
  missing: readonly string[],
  remedy: string,
  name: string,
  tests: () => void,
): void {
  if (missing.length === 0) {
    describe(name, tests);
    return;
  }
  const says = `${name}: missing ${missing.join(', ')} (${remedy})`;
  if (process.env['CI'] === 'true') {
    it(says, () => {
      throw new Error(says);
    });
    return;
  }
  console.warn(`skipped: ${says}`);
  describe.skip(name, tests);
}
