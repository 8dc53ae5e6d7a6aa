/** What the log says of a command that was refused. Pure. */
import type { Line } from './input.ts';

/** Verbs whose refusals are logged: those of mail, and of who may send or fetch it. */
export const LOGGED: ReadonlySet<string> = new Set([
  ...['MAIL', 'RCPT', 'DATA', 'BDAT', 'AUTH', 'ETRN', 'ATRN', 'XCLIENT', 'XFORWARD'],
]);

export function verbOf(line: Line): string {
  return typeof line === 'string' ? line.slice(0, 8).split(' ', 1)[0]!.toUpperCase() : '';
}

/** What stands in brackets in a refused command: it may not be an address at all. */
export function pathIn(line: Line | undefined): string | undefined {
  return typeof line === 'string' ? /<(.*)>/.exec(line)?.[1] : undefined;
}
