/**
 * Workers share their ports (SO_REUSEPORT), which also lets a second installation share them without a word. So the
 * supervisor first binds each port for itself alone.
 */
import { createServer } from 'node:net';
import { type Binding, bindError } from '../bind-error.ts';
import type { MtaConfig } from '../config.ts';

export function listenerBindings({ listeners, web }: MtaConfig): Binding[] {
  return [
    ...listeners.map(({ name, address, port }) => ({ name: `listener ${name}`, address, port })),
    ...(web === undefined ? [] : [{ name: 'the web port', ...web }]),
  ];
}

/** Those of `wanted` that nothing of `held` overlaps: only these can be tried for ourselves alone. */
export function newBindings(held: readonly Binding[], wanted: readonly Binding[]): Binding[] {
  const everywhere = (address: string) => address === '0.0.0.0' || address === '::';
  return wanted.filter(
    ({ address, port }) =>
      !held.some(
        (other) =>
          other.port === port &&
          (other.address === address || everywhere(other.address) || everywhere(address)),
      ),
  );
}

/** Rejects with `PostriderError` PortInUse where anyone else has one of the ports, or we may not have it. */
export async function checkFree(bindings: readonly Binding[]): Promise<void> {
  for (const { name, address, port } of bindings) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once('error', (error) => reject(bindError(error, { name, address, port })));
      server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve()));
    });
  }
}
