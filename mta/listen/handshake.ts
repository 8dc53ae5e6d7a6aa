/** The handshake after STARTTLS, over a connection that nobody else reads any more. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type SmtpError, smtpError } from '../errors.ts';
import { type ClientCertificate, clientCertificate } from './client-certificate.ts';
import { describeTls } from './tls-material.ts';

export interface Secured {
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384` */
  readonly tls: string;
  readonly shown: ClientCertificate | undefined;
}

/**
 * @param start begins TLS over a socket
 * @param done told once, if at all
 * @param failed told what of TLS went wrong; not of a client that just goes away
 */
export function handshake(
  plain: Socket,
  start: (plain: Socket) => TLSSocket,
  done: (socket: TLSSocket, what: Secured) => void,
  failed: (error: SmtpError) => void,
): void {
  const socket = start(plain);
  let isOver = false;
  socket.on('error', (error) => {
    socket.destroy();
    const why = isOver ? undefined : handshakeFailure(error);
    if (why !== undefined) failed(why);
  });
  socket.once('close', () => plain.destroy());
  // Nobody will ever end it.
  socket.once('end', () => socket.destroy());
  socket.once('secure', () => {
    isOver = true;
    socket.removeAllListeners('end');
    done(socket, securedBy(socket));
  });
}

export const securedBy = (socket: TLSSocket): Secured => ({
  tls: describeTls(socket),
  shown: clientCertificate(socket),
});

/** For the log, where it is OpenSSL's: `unsupported protocol`. Nobody can be told any more. */
export function handshakeFailure(error: unknown): SmtpError | undefined {
  const { reason } = (error ?? {}) as { readonly reason?: unknown };
  return typeof reason === 'string' ? smtpError('handshakeFailed', { detail: reason }) : undefined;
}
