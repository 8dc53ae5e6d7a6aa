/**
 * The shared storage of a cluster: a GlusterFS volume with one brick, which is a process of this machine. Each node is a client
 * of its own, as with any network file system.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brickName, brickVolfile, clientVolfile } from '../../chaos/volfiles.ts';
import { program } from '../../support/debian.ts';
import { freePort, listens } from '../../support/ports.ts';
import { type Running, start } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import type { Places } from './places.ts';

/** After so long without an answer a client counts the brick as gone. */
const PING_SECONDS = 10;

export interface Storage {
  /** What a client mounts it with. */
  readonly volfile: string;
  readonly brick: Running;
}

export async function startStorage({ folder, logs, gateway }: Places): Promise<Storage> {
  const at = (name: string) => join(folder, 'storage', name);
  mkdirSync(at('brick'), { recursive: true });
  const port = await freePort(gateway);
  writeFileSync(at('brick.vol'), brickVolfile({ folder: at('brick'), port, address: gateway }));
  const client = { port, address: gateway, remote: brickName, pingSeconds: PING_SECONDS };
  writeFileSync(at('client.vol'), clientVolfile(client));
  const args = ['--no-daemon', '-f', at('brick.vol'), '-l', join(logs, 'brick.log'), '-p', at('brick.pid')];
  const brick = start(program('glusterfsd'), args, join(logs, 'brick.out'));
  await waitFor('the brick to listen', () => {
    if (brick.ended() !== undefined) throw new Error(brick.output());
    return listens(port);
  });
  return { volfile: at('client.vol'), brick };
}
