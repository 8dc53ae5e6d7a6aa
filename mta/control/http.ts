/** A server of HTTP on one address and port. Fails to listen with what to do about it. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { PostriderError } from '../errors.ts';

export interface HttpServer {
  /** Resolves with where it listens: port 0 takes a free one. */
  listen(address: string, port: number): Promise<{ address: string; port: number }>;
  /** Takes no more requests, and ends when those in progress have. Safe at any time. */
  close(): Promise<void>;
}

export function httpServer(app: FastifyInstance): HttpServer {
  return {
    async listen(address, port) {
      try {
        await app.listen({ host: address, port });
      } catch (error) {
        throw listenError(error, address, port);
      }
      const bound = app.server.address() as AddressInfo;
      return { address: bound.address, port: bound.port };
    },
    close: () => app.close(),
  };
}

function listenError(error: unknown, address: string, port: number): unknown {
  const where = `${address} port ${port}`;
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'EADDRINUSE':
      return new PostriderError('PortInUse', `Another program listens on ${where}`, {
        hint: `Stop it ('ss -ltnp sport = :${port}' names it), or configure another port.`,
        cause: error,
      });
    case 'EACCES':
      return new PostriderError('PortInUse', `${where} may not be bound by this user`, {
        hint: 'Configure a port above 1023.',
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new PostriderError('PortInUse', `${address} is no address of this machine`, {
        hint: 'Configure an address that it has, or 0.0.0.0.',
        cause: error,
      });
    default:
      return error;
  }
}
