/**
 * The mta as a child process, started again when it dies, after waits that double from one second to thirty. It runs
 * in a process group of its own, so that Ctrl-C in the terminal reaches `up` alone, which then stops it in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../mta/clock.ts';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** A run this long makes the next wait short again. */
const HEALTHY_MS = 60_000;
/** The log is put aside when a run begins with more than this in it. */
const LARGE_LOG = 64 * 1024 * 1024;
const OUTPUT_LINES = 10;

const script = fileURLToPath(new URL('../../mta/main.ts', import.meta.url));

export interface MtaProcessOptions {
  readonly config: string;
  readonly log: string;
  readonly clock: Clock;
  /** The pid of each run, and undefined at its end. */
  readonly onPid: (pid: number | undefined) => void;
  /** It ended without having been asked to; `again` is the wait in ms. */
  readonly onDeath: (how: string, again: number) => void;
}

export class MtaProcess {
  readonly #options: MtaProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;
  #wait = FIRST_WAIT_MS;
  #logStart = 0;
  #cancelRestart: () => void = () => undefined;

  constructor(options: MtaProcessOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    const { clock, log, config } = this.#options;
    putAside(log);
    const output = openSync(log, 'a', 0o600);
    this.#logStart = fstatSync(output).size;
    const began = clock.monotonic();
    const child = spawn(process.execPath, [script, '--config', config], {
      stdio: ['ignore', output, output],
      detached: true,
    });
    closeSync(output);
    this.#child = child;
    if (child.pid !== undefined) this.#options.onPid(child.pid);
    this.#exited = new Promise((resolve) => {
      let ended = false;
      const end = (how: string) => {
        if (ended) return;
        ended = true;
        this.#child = undefined;
        this.#options.onPid(undefined);
        if (!this.#stopping) this.#restart(how, clock.monotonic() - began);
        resolve();
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : signal));
    });
  }

  #restart(how: string, lasted: number): void {
    if (lasted >= HEALTHY_MS) this.#wait = FIRST_WAIT_MS;
    const wait = this.#wait;
    this.#wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    this.#cancelRestart = this.#options.clock.after(wait, () => this.start());
    this.#options.onDeath(how, wait);
  }

  /** The last lines that this run has written. */
  output(): string[] {
    const written = readFileSync(this.#options.log).subarray(this.#logStart).toString('utf8');
    return written.trimEnd().split('\n').slice(-OUTPUT_LINES);
  }

  /** Asks it to finish what is under way; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelRestart();
    this.#child?.kill('SIGTERM');
    await this.#exited;
  }

  /** Ends it and its workers at once. What was answered 250 is in the queue. */
  kill(): void {
    this.#stopping = true;
    this.#cancelRestart();
    if (this.#child?.pid !== undefined) killGroup(this.#child.pid);
  }
}

/** The group is the mta and its workers; one that is gone is what was wanted. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function putAside(log: string): void {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LARGE_LOG) renameSync(log, `${log}.1`);
}
