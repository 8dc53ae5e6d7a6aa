/**
 * A program that has its places compiled in, in a mount namespace of its own: there it finds what the test gives it, and the machine
 * has none of it. Needs root.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { program } from '../debian.ts';
import { type Running, start } from '../processes.ts';

export interface PrivateRoot {
  /** Folders that are empty in there, and gone with it. */
  readonly empty: readonly string[];
  /** What stands in whose place, in this order: path in there → file or folder of the test. Made below what is `empty`; others exist. */
  readonly places: Readonly<Record<string, string>>;
  /** Users that it looks for, with their ids; each is its own group. */
  readonly users: Readonly<Record<string, number>>;
}

/** @param folder for what describes it, and for the program's output */
export function startPrivately(
  folder: string,
  root: PrivateRoot,
  command: string,
  args: readonly string[],
): Running {
  const users = Object.entries(root.users);
  const lists = {
    '/etc/passwd': users.map(([name, id]) => `${name}:x:${id}:${id}::/nonexistent:/usr/sbin/nologin`),
    '/etc/group': users.map(([name, id]) => `${name}:x:${id}:`),
  };
  const places = { ...root.places };
  for (const place of Object.keys(places)) {
    const isMade = root.empty.some((empty) => place.startsWith(`${empty}/`));
    if (!isMade && !existsSync(place)) throw new Error(`${place} would be made on the machine`);
  }
  for (const [place, lines] of Object.entries(lists)) {
    const file = join(folder, place.slice('/etc/'.length));
    writeFileSync(file, [readFileSync(place, 'utf8').trimEnd(), ...lines, ''].join('\n'));
    places[place] = file;
  }
  const script = [
    'set -e',
    ...root.empty.map((place) => `mount -t tmpfs -o mode=755 none ${place}`),
    ...Object.entries(places).flatMap(([place, of]) => [
      `if [ -d ${of} ]; then mkdir -p ${place}; elif [ ! -e ${place} ]; then mkdir -p ${dirname(place)}; : >${place}; fi`,
      `mount --bind ${of} ${place}`,
    ]),
    'exec "$@"',
  ];
  return start(
    program('unshare'),
    ['--mount', 'sh', '-c', script.join('\n'), 'sh', command, ...args],
    join(folder, 'output.log'),
  );
}
