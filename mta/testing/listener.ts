/** A listener's config for tests, and a port for it. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Listener } from '../config.ts';

export function testListener(change: Partial<Listener> = {}): Listener {
  return {
    name: 'smtp',
    role: 'smtp',
    address: '127.0.0.1',
    port: 2525,
    tls: { mode: 'none', required: false, minVersion: 'TLSv1.2' },
    auth: { offered: false, required: false, allowWithoutTls: false },
    relayFrom: [],
    limits: {
      messageSize: 0,
      recipients: 100,
      transactionsPerSession: 100,
      errorsPerSession: 10,
      idleCommandsPerSession: 100,
      authFailuresPerSession: 3,
      sessionSeconds: 0,
      sessionBytes: 0,
      connections: 10,
      connectionsPerAddress: 10,
      lineLength: 1000,
      hops: 30,
      minDataRate: 0,
    },
    ...change,
  };
}

/** One that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
