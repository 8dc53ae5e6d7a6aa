/**
 * Takes away what a cluster has left on the machine, whatever became of its process: found by its number alone (places.ts).
 * Every process of a cluster has the cluster's folder in its command line, or a node's first process above it.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { processes, run, tree } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { MOST_CLUSTERS, type NodePlaces, type Places, placesOf } from './places.ts';

export const CGROUPS = '/sys/fs/cgroup';

/** This process as `owner` names it. */
export const thisProcess = (): string => `${process.pid} ${startedAt(process.pid)}`;

/** Whether the process that looks after it is still there. */
export function isOwned({ owner }: Places): boolean {
  const [pid, started] = existsSync(owner) ? readFileSync(owner, 'utf8').split(' ') : [];
  return pid !== undefined && startedAt(Number(pid)) === started;
}

/** Clock ticks since the machine's start (proc_pid_stat(5)): a pid is used again, the pair is not. */
function startedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** What is left of clusters whose process has gone. */
export async function removeAbandoned(): Promise<number[]> {
  const removed: number[] = [];
  for (let number = 0; number < MOST_CLUSTERS; number += 1) {
    const places = placesOf(number);
    if (!existsSync(places.folder) || isOwned(places)) continue;
    await removeCluster(places);
    removed.push(number);
  }
  return removed;
}

/** Rejects where something could not be taken away. */
export async function removeCluster(places: Places): Promise<void> {
  await endProcesses(places.folder);
  for (const node of places.nodes) await removeNode(node);
  await run('ip', ['link', 'delete', places.bridge]);
  await waitFor(
    `${places.folder} to be removed`,
    () => {
      rmSync(places.folder, { recursive: true, force: true });
      return true;
    },
    { timeoutMs: 30_000, everyMs: 200 },
  );
}

/** What a node that has ended leaves on the machine, but for its folder. */
export async function removeNode({ link, cgroup }: NodePlaces): Promise<void> {
  await run('ip', ['link', 'delete', link]);
  for (const hierarchy of readdirSync(CGROUPS)) {
    const folder = join(CGROUPS, hierarchy, cgroup);
    // Its processes have been killed, and take a moment to be gone.
    await waitFor(
      `${folder} to be empty`,
      () => {
        removeCgroup(folder);
        return !existsSync(folder);
      },
      { timeoutMs: 20_000, everyMs: 50 },
    );
  }
}

/** Innermost first: a cgroup's files can't be removed, and go with it. */
function removeCgroup(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(folder, entry.name));
  }
  rmdirSync(folder);
}

/** SIGKILL to all that name the folder, and to their descendants. Who has started this process, such as a shell, is spared. */
async function endProcesses(folder: string): Promise<void> {
  const found = () =>
    processes()
      .filter(({ pid, state }) => !/[ZX]/.test(state) && names(pid, folder))
      .map((each) => tree(each.pid).map(({ pid }) => pid))
      .filter((pids) => !pids.includes(process.pid))
      .flat();
  await waitFor(
    `the processes of ${folder} to end`,
    () => {
      const pids = found();
      for (const pid of pids) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // ESRCH: it has ended.
        }
      }
      return pids.length === 0;
    },
    { timeoutMs: 30_000, everyMs: 50 },
  );
}

function names(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${folder}/`);
  } catch {
    return false;
  }
}
