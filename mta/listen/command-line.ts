/** What the log says of a command that was refused. Pure. */
import type { SmtpError } from '../errors.ts';
import type { MailLog } from '../log/types.ts';
import type { Line } from './input.ts';
import type { Client } from './types.ts';

/** Verbs whose refusals are logged: those of mail, and of who may send or fetch it. */
export const LOGGED: ReadonlySet<string> = new Set([
  ...['MAIL', 'RCPT', 'DATA', 'BDAT', 'AUTH', 'ETRN', 'ATRN', 'XCLIENT', 'XFORWARD'],
]);

export function verbOf(line: Line): string {
  return typeof line === 'string' ? line.slice(0, 8).split(' ', 1)[0]!.toUpperCase() : '';
}

/** What stands in brackets in a refused command: it may not be an address at all. */
function pathIn(line: Line | undefined): string | undefined {
  return typeof line === 'string' ? /<(.*)>/.exec(line)?.[1] : undefined;
}

type Refusal = Parameters<MailLog['refused']>[0];

export interface Refused {
  /** Empty where it was none in particular. */
  readonly command: string;
  readonly error: SmtpError;
  /** Of the command; none where it is content that was refused. */
  readonly line?: Line | undefined;
  /** Whom content was refused for, where others have it. */
  readonly recipient?: string | undefined;
}

/** @param sender of the transaction, where MAIL has been accepted */
export function refusedCommand(client: Client, sender: string | undefined, refused: Refused): Refusal {
  const { command, error, line, recipient } = refused;
  const { listener, address, user, forwarded, certificate } = client;
  const from = sender ?? (command === 'MAIL' ? pathIn(line) : undefined);
  const to = recipient ?? (command === 'RCPT' ? pathIn(line) : undefined);
  return {
    command,
    error,
    listener: listener.name,
    clientAddress: forwarded === undefined ? address : forwarded.address,
    ...(forwarded === undefined || address === undefined ? {} : { via: address }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(user === undefined ? {} : { user }),
    ...(certificate?.trusted ? { certificate: certificate.name } : {}),
  };
}
