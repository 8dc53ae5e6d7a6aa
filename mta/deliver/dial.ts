/** Connects to a next hop's address: a parameter, so that tests can own the network. */
import { connect, type Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { smtpError } from '../errors.ts';
import type { NextHop } from '../route/types.ts';
import { sanitize } from './reply.ts';

/**
 * Resolves with a connected socket; rejects with `connectionFailed`.
 *
 * @param from the address of ours that it is made from; the system chooses where absent
 */
export type Dial = (hop: NextHop, timeoutSeconds: number, from?: string) => Promise<Socket>;

export function tcpDial(clock: Clock): Dial {
  return (hop, timeoutSeconds, from) => {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    // Commands are written in batches of our own making: Nagle would only hold them back.
    const socket = connect({
      ...{ host: hop.address, port: hop.port, noDelay: true },
      ...(from !== undefined && { localAddress: from }),
    });
    const fail = (why: string, cause?: unknown): void => {
      cancel();
      socket.destroy();
      const detail = `${hop.host}[${hop.address}]:${hop.port}: ${why}`;
      reject(smtpError('connectionFailed', { detail, closes: true, cause }));
    };
    const cancel = clock.after(timeoutSeconds * 1000, () => fail('timed out'));
    const refused = (error: NodeJS.ErrnoException): void =>
      fail(error.code ?? sanitize(error.message), error);
    socket.once('error', refused);
    socket.once('connect', () => {
      cancel();
      socket.removeListener('error', refused);
      resolve(socket);
    });
    return promise;
  };
}
