/** Which commands a listener takes: by its role, and before TLS. Pure; throws the refusal. */
import type { Listener } from '../config.ts';
import { smtpError } from '../errors.ts';

// A web page can make a browser send these here, with commands of its own choice behind them.
const HTTP: ReadonlySet<string> = new Set([
  ...['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'CONNECT', 'TRACE', 'HOST:'],
]);
// RFC 3207 §4 has all but these refused until TLS is on; the others of this list reveal and change nothing. Content is refused behind
// its last octet.
const BEFORE_TLS: ReadonlySet<string> = new Set([
  ...['HELO', 'EHLO', 'LHLO', 'NOOP', 'RSET', 'HELP', 'STARTTLS', 'QUIT', 'BDAT'],
]);
/** RFC 2645 §5.4: there is nothing else to do on that port. */
const ON_ODMR: ReadonlySet<string> = new Set([
  ...['EHLO', 'HELO', 'AUTH', 'ATRN', 'STARTTLS', 'NOOP', 'RSET', 'HELP', 'QUIT'],
]);

/** RFC 2033 §4.1; and for ETRN there is no use between a store and its queue. */
const NOT_ON_LMTP: ReadonlySet<string> = new Set(['EHLO', 'HELO', 'ETRN']);

/** Of a verb that nobody knows: whoever speaks HTTP is sent away. */
export const unknownVerb = (verb: string) => smtpError('syntax', { closes: HTTP.has(verb) });

/** @param isTlsMissing TLS is required, and not on yet */
export function checkVerb(verb: string, role: Listener['role'], isTlsMissing: boolean): void {
  if (role === 'lmtp' ? NOT_ON_LMTP.has(verb) : verb === 'LHLO') throw unknownVerb(verb);
  if (isTlsMissing && !BEFORE_TLS.has(verb)) throw smtpError('tlsRequired');
  if (role === 'odmr' && !ON_ODMR.has(verb)) throw smtpError('notImplemented');
}
