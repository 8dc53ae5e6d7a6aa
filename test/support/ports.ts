/** Free TCP ports, below the range that outgoing connections take theirs from. Throws when none is found. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST = 20_000;
const LAST = 32_000;
const handedOut = new Set<number>();

function canListen(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: address }, () => server.close(() => resolve(true)));
  });
}

/** A port that nothing listens on; the same one is not handed out twice by this process. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await canListen(port, address)) return port;
  }
  throw new Error(`no free port on ${address}`);
}

/** Whether a TCP port of this machine is in the state LISTEN (proc_net_tcp). */
export function listens(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .some((line) => line.includes(local) && / 0A /.test(line));
}
