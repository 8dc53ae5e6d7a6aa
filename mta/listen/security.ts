/** What a session has to be protected by before it may do anything. Pure. */
import { smtpError } from '../errors.ts';
import type { DialogueClient } from './dialogue-client.ts';

// RFC 3207 §4 has all but these refused until TLS is on; the others of this list reveal and change nothing.
const BEFORE_TLS = new Set(['HELO', 'EHLO', 'LHLO', 'NOOP', 'RSET', 'HELP', 'STARTTLS', 'QUIT']);

/** Throws 530 where TLS is required and not there; 554 where a certificate is (RFC 3207 §4.1). */
export function checkSecurity({ listener, tls, shown }: DialogueClient, verb: string): void {
  const { required, clientAuth } = listener.tls;
  if (tls === undefined) {
    if (required && !BEFORE_TLS.has(verb)) throw smtpError('tlsRequired');
  } else if (clientAuth?.required === true && shown?.trusted !== true && verb !== 'QUIT') {
    const detail = shown === undefined ? 'no client certificate' : `client certificate: ${shown.problem}`;
    throw smtpError('certificateRequired', { detail });
  }
}
