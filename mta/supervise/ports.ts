/**
 * Workers share their ports (SO_REUSEPORT), which also lets a second installation share them without a word. So the
 * supervisor first binds each port for itself alone.
 */
import { createServer } from 'node:net';
import type { MtaConfig } from '../config.ts';
import { PostriderError } from '../errors.ts';

export interface Binding {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export function listenerBindings(config: MtaConfig): Binding[] {
  return config.listeners.map(({ name, address, port }) => ({ name: `listener ${name}`, address, port }));
}

/** Those of `wanted` that `held` doesn't have. */
export function newBindings(held: readonly Binding[], wanted: readonly Binding[]): Binding[] {
  return wanted.filter(
    ({ address, port }) => !held.some((other) => other.address === address && other.port === port),
  );
}

/** Rejects with `PostriderError` PortInUse where anyone else has one of the ports, or we may not have it. */
export async function checkFree(bindings: readonly Binding[]): Promise<void> {
  for (const { name, address, port } of bindings) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, name, address, port)));
      server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve()));
    });
  }
}

function refusal(error: NodeJS.ErrnoException, name: string, address: string, port: number): PostriderError {
  const where = `${address}:${port} for ${name}`;
  const because = { cause: error };
  switch (error.code) {
    case 'EADDRINUSE':
      return new PostriderError('PortInUse', `${where} is in use by another process`, {
        ...because,
        hint: `stop what listens there (ss -ltnp 'sport = :${port}' shows it) or choose another port`,
      });
    case 'EACCES':
      return new PostriderError('PortInUse', `${where} may not be bound by this user`, {
        ...because,
        hint: 'choose a port above 1023, or grant CAP_NET_BIND_SERVICE',
      });
    case 'EADDRNOTAVAIL':
      return new PostriderError('PortInUse', `${where}: this machine does not have that address`, {
        ...because,
        hint: 'choose an address of this machine, 0.0.0.0 or ::',
      });
    default:
      return new PostriderError('PortInUse', `${where} can't be bound: ${error.message}`, because);
  }
}
