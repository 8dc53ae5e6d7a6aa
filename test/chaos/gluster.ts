/**
 * A GlusterFS volume of this machine alone, without its daemon: one brick on an ext4 image of a fixed size, and a mount
 * for each node. Brick and mounts can be killed, stopped and brought back, and the brick's disk can be filled. Needs
 * root. Rejects where a program fails; what it started and mounted goes when the process exits.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freePort, listens } from '../support/ports.ts';
import { type Running, run, runOk, start } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { brickName, brickVolfile, clientVolfile } from './volfiles.ts';

export interface GlusterOptions {
  readonly mounts: number;
  readonly sizeMiB: number;
  readonly pingSeconds: number;
  readonly without?: readonly string[];
}

export interface Gluster {
  /** Where node `n` sees the volume. */
  mountOf(node: number): string;
  /** The volume as the brick has it. */
  readonly brick: string;
  /** SIGKILL: open descriptors go bad, calls fail with ENOTCONN until it is started again. */
  killBrick(): Promise<void>;
  startBrick(): Promise<void>;
  /** SIGSTOP: calls hang, and fail once the ping timeout is over. */
  pauseBrick(): void;
  resumeBrick(): void;
  /** Kills one node's client, with whatever it had not yet sent, and takes its mount away. */
  cut(node: number): Promise<void>;
  mount(node: number): Promise<void>;
  /** Resolves when a call of that node on the volume succeeds. */
  answers(node: number): Promise<void>;
  /** Leaves `freeKiB` on the brick's disk. */
  fill(freeKiB: number): Promise<void>;
  free(): Promise<void>;
  stop(): Promise<void>;
}

const mounted = new Set<string>();
// Before the folders that hold them are removed.
process.prependListener('exit', () => {
  for (const path of [...mounted].reverse()) spawnSync('umount', ['-l', path]);
});

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `);
}

async function unmount(path: string): Promise<void> {
  await run('umount', ['-l', path]);
  mounted.delete(path);
}

export async function startGluster(options: GlusterOptions): Promise<Gluster> {
  const folder = temporaryFolder('gluster');
  const at = (name: string) => join(folder, name);
  const mountOf = (node: number) => at(`node${node}`);
  // So that mounts below it are seen by nodes that have mounts of their own.
  await runOk('mount', ['--bind', folder, folder]);
  mounted.add(folder);
  await runOk('mount', ['--make-shared', folder]);
  const port = await freePort();
  const brick = at('disk/brick');
  const ballast = at('disk/ballast');
  const { pingSeconds, without = [] } = options;

  await runOk('truncate', ['-s', `${options.sizeMiB}M`, at('image')]);
  await runOk('mkfs.ext4', ['-q', '-F', '-m', '0', at('image')]);
  mkdirSync(at('disk'));
  await runOk('mount', ['-o', 'loop', at('image'), at('disk')]);
  mounted.add(at('disk'));
  mkdirSync(brick);
  writeFileSync(at('brick.vol'), brickVolfile({ folder: brick, port }));
  writeFileSync(at('client.vol'), clientVolfile({ port, remote: brickName, pingSeconds, without }));

  let server: Running | undefined;
  const clients = new Map<number, Running>();
  const daemon = (role: 'glusterfsd' | 'glusterfs', name: string, volfile: string, args: readonly string[]) =>
    start(
      program(role),
      ['--no-daemon', '-f', volfile, '-l', at(`${name}.log`), '-p', at(`${name}.pid`), ...args],
      at(`${name}.out`),
    );

  const gluster: Gluster = {
    mountOf,
    brick,
    async killBrick() {
      await server?.kill9();
    },
    async startBrick() {
      server = daemon('glusterfsd', 'brick', at('brick.vol'), []);
      await waitFor('the brick to listen', () => listens(port));
    },
    pauseBrick: () => void server?.child.kill('SIGSTOP'),
    resumeBrick: () => void server?.child.kill('SIGCONT'),
    async cut(node) {
      await clients.get(node)?.kill9();
      clients.delete(node);
      await unmount(mountOf(node));
    },
    async mount(node) {
      const path = mountOf(node);
      mkdirSync(path, { recursive: true });
      mounted.add(path);
      const client = daemon('glusterfs', `client${node}`, at('client.vol'), [path]);
      clients.set(node, client);
      await waitFor(`the mount of node ${node}`, async () => {
        if (client.ended() !== undefined) throw new Error(client.output());
        return isMounted(path) && (await statfs(path)).blocks > 0;
      });
    },
    async answers(node) {
      const asked = async () => (await statfs(mountOf(node))).blocks > 0;
      await waitFor(`the volume to answer node ${node}`, asked, { timeoutMs: 60_000 });
    },
    async fill(freeKiB) {
      const { bavail, bsize } = await statfs(at('disk'));
      const bytes = bavail * bsize - freeKiB * 1024;
      // Others are writing: it may find less room than there was, and takes what is left.
      if (bytes > 0) await run('fallocate', ['-l', String(bytes), ballast]);
    },
    async free() {
      await unlink(ballast).catch(() => undefined);
    },
    async stop() {
      server?.child.kill('SIGCONT');
      for (const node of [...clients.keys()]) await gluster.cut(node);
      await server?.kill9();
      await unmount(at('disk'));
      await unmount(folder);
    },
  };
  await gluster.startBrick();
  for (let node = 0; node < options.mounts; node += 1) await gluster.mount(node);
  return gluster;
}
