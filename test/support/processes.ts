/**
 * Child processes that never outlive their test: each is the leader of a process group, its output goes to a file,
 * and whatever still runs when this process exits is killed.
 */
import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { waitFor } from './wait.ts';

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything that it has written to stdout and stderr. */
  output(): string;
  /** Exit code, or the signal that ended it; undefined while it runs. */
  ended(): number | string | undefined;
  /** Sends the signal to the leader alone and waits for its end; kills the group after `graceMs`. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<void>;
  /** SIGKILL to the whole group, at once. */
  kill9(): Promise<void>;
}

// A signal would end this process without its `exit` listeners, and leave what they are to clean up.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) killGroup(child.pid, 'SIGKILL');
});

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: the group has ended by itself.
  }
}

/** Starts a program with its output appended to `log`. */
export function start(
  command: string,
  args: readonly string[],
  log: string,
  options: SpawnOptions = {},
): Running {
  const fd = openSync(log, 'a');
  const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', fd, fd] });
  closeSync(fd);
  let ended: number | string | undefined;
  living.add(child);
  child.once('error', (error) => {
    ended = error.message;
    living.delete(child);
  });
  child.once('exit', (code, signal) => {
    ended = code ?? signal ?? 'unknown';
    living.delete(child);
    killGroup(child.pid, 'SIGKILL');
  });
  const gone = (timeoutMs: number) =>
    waitFor(`the end of ${command}`, () => ended !== undefined, { timeoutMs, everyMs: 5 });
  return {
    child,
    get pid() {
      if (child.pid === undefined) throw new Error(`${command} did not start: ${ended}`);
      return child.pid;
    },
    output: () => readFileSync(log, 'utf8'),
    ended: () => ended,
    async stop(signal = 'SIGTERM', graceMs = 20_000) {
      if (ended !== undefined) return;
      child.kill(signal);
      try {
        await gone(graceMs);
      } catch (error) {
        killGroup(child.pid, 'SIGKILL');
        await gone(5_000);
        throw error;
      }
    },
    async kill9() {
      killGroup(child.pid, 'SIGKILL');
      await gone(5_000);
      if (child.pid !== undefined) await groupGone(child.pid);
    },
  };
}

/** Zombies hold neither ports nor files, and who reaps orphans may take its time. */
async function groupGone(group: number): Promise<void> {
  await waitFor(
    `the end of process group ${group}`,
    () => !processes().some((process) => process.group === group && !/[ZX]/.test(process.state)),
    { timeoutMs: 5_000, everyMs: 5 },
  );
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Never rejects for its exit code: that is for the caller to look at. */
export function run(
  command: string,
  args: readonly string[],
  {
    timeoutMs = 60_000,
    input = '',
    env = process.env,
  }: { timeoutMs?: number; input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024, env },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') {
          reject(new Error(`${command} ${args.join(' ')}: ${error.message}\n${stderr}`, { cause: error }));
          return;
        }
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Runs a program that must succeed, and gives its stdout. */
export async function runOk(command: string, args: readonly string[], options?: Parameters<typeof run>[2]) {
  const done = await run(command, args, options);
  if (done.code !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${done.code}\n${done.stdout}${done.stderr}`);
  }
  return done.stdout;
}

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** `R`, `S`, `Z` … */
  readonly state: string;
  /** Clock ticks of its own, user and system. */
  readonly ticks: number;
  /** Clock ticks of children that it has reaped. */
  readonly reapedTicks: number;
}

/** Every process of the machine, from `/proc/<pid>/stat` (proc(5)). */
export function processes(): ProcessStat[] {
  const all: ProcessStat[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The command in parentheses may hold spaces: fields are counted after it, the first being the state.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const field = (number: number) => Number(fields[number - 3]);
      all.push({
        pid: Number(name),
        parent: field(4),
        group: field(5),
        state: fields[0] ?? '',
        ticks: field(14) + field(15),
        reapedTicks: field(16) + field(17),
      });
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return all;
}

/** The process and all of its living descendants. */
export function tree(root: number): ProcessStat[] {
  const all = processes();
  const found = all.filter((process) => process.pid === root);
  for (const parent of found) {
    found.push(...all.filter((process) => process.parent === parent.pid));
  }
  return found;
}
