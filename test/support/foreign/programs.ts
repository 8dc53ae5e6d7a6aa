/** Mail servers of others that scripts/foreign-mtas.sh keeps outside of the tree. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../debian.ts';

const SCRIPT = join(import.meta.dirname, '../../../scripts/foreign-mtas.sh');
export const REMEDY = 'scripts/debian-packages.sh and scripts/foreign-mtas.sh bring the programs';

/** Where in its folder each has its program. */
const PROGRAMS = {
  exim4: 'usr/sbin/exim4',
  opensmtpd: 'usr/sbin/smtpd',
  haraka: 'node_modules/Haraka/bin/haraka',
  maddy: 'maddy',
} as const;
type ForeignName = keyof typeof PROGRAMS;

const isForeign = (name: string): name is ForeignName => name in PROGRAMS;

/** The folder of one of them. */
export const foreignFolder = (name: ForeignName): string =>
  execFileSync('sh', [SCRIPT, '--folder', name], { encoding: 'utf8' }).trim();

export const foreignProgram = (name: ForeignName): string => join(foreignFolder(name), PROGRAMS[name]);

const hasForeign = (name: ForeignName): boolean => existsSync(foreignProgram(name));

/** Of a program of theirs, one of Debian's, or `root`. */
export function isMissing(need: string): boolean {
  if (need === 'root') return process.getuid?.() !== 0;
  return isForeign(need) ? !hasForeign(need) : findProgram(need) === undefined;
}
