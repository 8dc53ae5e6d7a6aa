/** A server of HTTP on one address and port. Fails to listen with what to do about it. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { bindError } from '../bind-error.ts';

export interface HttpServer {
  /** Resolves with where it listens: port 0 takes a free one. */
  listen(address: string, port: number): Promise<{ address: string; port: number }>;
  /** Takes no more requests, and ends when those in progress have. Safe at any time. */
  close(): Promise<void>;
}

/** @param name what it is for: `health`. */
export function httpServer(app: FastifyInstance, name: string): HttpServer {
  return {
    async listen(address, port) {
      try {
        await app.listen({ host: address, port });
      } catch (error) {
        throw bindError(error, { name, address, port });
      }
      const bound = app.server.address() as AddressInfo;
      return { address: bound.address, port: bound.port };
    },
    close: () => app.close(),
  };
}
