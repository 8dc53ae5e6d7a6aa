/**
 * One `up` to a state folder. The lock is a file that names its holder by pid and, where the system tells it, by the
 * time that process began, so that neither a crash nor a pid that is used again leaves it shut. It also names the mta
 * of that run, which may outlive a killed `up`.
 */
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { PostriderError } from '../../mta/errors.ts';
import { writeDurably } from './files.ts';

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after boot at which it began; absent where the system doesn't tell. */
  readonly began?: string;
}

interface Holder extends ProcessId {
  readonly mta?: ProcessId;
}

export interface Lock {
  /** The mta that an earlier run left behind, if it is still there. */
  readonly orphan: ProcessId | undefined;
  /** Notes the mta of this run; undefined when it has ended. */
  noteMta(pid: number | undefined): void;
  release(): void;
}

/** Throws `PostriderError` AlreadyRunning while the holder lives. */
export function takeLock(path: string): Lock {
  const me = processId(process.pid);
  const candidate = `${path}.${process.pid}`;
  let orphan: ProcessId | undefined;
  writeFileSync(candidate, JSON.stringify(me), { mode: 0o600 });
  try {
    while (!linked(candidate, path)) {
      const text = read(path);
      const holder = holderOf(text);
      if (holder !== undefined && lives(holder)) {
        throw new PostriderError(
          'AlreadyRunning',
          `postrider up (pid ${holder.pid}) is running on this state folder`,
          {
            hint: 'Stop it first, or choose another folder with --state DIR and other ports with --port',
          },
        );
      }
      if (holder?.mta !== undefined && lives(holder.mta)) orphan = holder.mta;
      removeIfStill(text, path, `${candidate}.stale`);
    }
  } finally {
    unlinkSync(candidate);
  }
  return {
    orphan,
    noteMta: (pid) =>
      writeDurably(path, JSON.stringify(pid === undefined ? me : { ...me, mta: processId(pid) })),
    release: () => rmSync(path, { force: true }),
  };
}

/** link(2) either makes the whole lock or fails: nobody sees half of one. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What isn't ours to understand is held by nobody. */
function holderOf(text: string | undefined): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(text ?? '');
    return typeof holder === 'object' && holder !== null ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/** Another `up` may have done the same and taken the lock meanwhile: what it holds is put back. */
function removeIfStill(text: string | undefined, path: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== text) linked(aside, path);
  rmSync(aside);
}

export function processId(pid: number): ProcessId {
  const began = statOf(pid)?.began;
  return began === undefined ? { pid } : { pid, began };
}

export function lives({ pid, began }: ProcessId): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is someone else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = statOf(pid);
  // A zombie has ended, and holds nothing; where nobody reaps, it stays for good.
  if (now?.state === 'Z') return false;
  return began === undefined || now === undefined || began === now.began;
}

/** Fields 3 and 22 of proc(5)'s stat; the second may have spaces and parentheses of its own. */
function statOf(pid: number): { state: string | undefined; began: string | undefined } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], began: fields[19] };
  } catch {
    return undefined;
  }
}
