/** Which commands a listener takes, by its role. Pure; throws the refusal. */
import type { Listener } from '../config.ts';
import { smtpError } from '../errors.ts';

// A web page can make a browser send these here, with commands of its own choice behind them.
const HTTP: ReadonlySet<string> = new Set([
  ...['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'CONNECT', 'TRACE', 'HOST:'],
]);
/** RFC 2645 §5.4: there is nothing else to do on that port. */
const ON_ODMR: ReadonlySet<string> = new Set([
  ...['EHLO', 'HELO', 'AUTH', 'ATRN', 'STARTTLS', 'NOOP', 'RSET', 'HELP', 'QUIT'],
]);

/** RFC 2033 §4.1; and for ETRN there is no use between a store and its queue. */
const NOT_ON_LMTP: ReadonlySet<string> = new Set(['EHLO', 'HELO', 'ETRN']);

/** Of a verb that nobody knows: whoever speaks HTTP is sent away. */
export const unknownVerb = (verb: string) => smtpError('syntax', { closes: HTTP.has(verb) });

export function checkVerb(verb: string, role: Listener['role']): void {
  if (role === 'lmtp' ? NOT_ON_LMTP.has(verb) : verb === 'LHLO') throw unknownVerb(verb);
  if (role === 'odmr' && !ON_ODMR.has(verb)) throw smtpError('notImplemented');
}
