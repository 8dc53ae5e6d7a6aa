/**
 * One node of a chaos run: a whole mta with a host name and process ids of its own, so that others can't see whether its
 * processes live, and who starts it again when it ends, as a kubelet does.
 */
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { MtaConfig } from '../../mta/config.ts';
import { type Ports, testConfig } from '../support/config.ts';
import { temporaryFolder } from '../support/folders.ts';
import { pickPorts, ROOT } from '../support/mta.ts';
import { processes, type Running, start, tree } from '../support/processes.ts';
import { sleep, waitFor } from '../support/wait.ts';

/** As in a container; mounts of the machine are seen as they come and go. */
const CONTAINER = ['--uts', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'slave'];
const RESTART_MS = 200;
const MAIN = join(ROOT, 'mta/main.ts');
/** Compiled code is kept between starts: a run starts thousands of processes. */
const COMPILED = temporaryFolder('compiled');

export class ChaosNode {
  readonly name: string;
  readonly ports: Ports;
  readonly config: MtaConfig;
  readonly #folder: string;
  #running: Running | undefined;
  #wanted = false;
  #keeping: Promise<void> | undefined;
  /** Times that it ended by itself. */
  exits = 0;
  /** It stands still, or is about to be killed: nobody else may touch it. */
  busy = false;

  private constructor(name: string, ports: Ports, config: MtaConfig, folder: string) {
    this.name = name;
    this.ports = ports;
    this.config = config;
    this.#folder = folder;
  }

  static async create(
    name: string,
    change: (folder: string, ports: Ports) => Partial<MtaConfig>,
  ): Promise<ChaosNode> {
    const folder = temporaryFolder(name);
    const ports = await pickPorts();
    const fleet = { namespace: 'test', name: 'test', hostname: name, postmaster: `postmaster@${name}` };
    const config = testConfig(folder, ports, { fleet, ...change(folder, ports) });
    const node = new ChaosNode(name, ports, config, folder);
    node.#write(config);
    return node;
  }

  /** From its next start on: the queue is there, and an empty folder is a mount that is not. */
  expectQueue(): void {
    this.#write({ ...this.config, queue: { ...this.config.queue, initialize: false } });
  }

  #write(config: MtaConfig): void {
    writeFileSync(join(this.#folder, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  }

  /** Starts it, and again whenever it ends, until `stop`. */
  up(): void {
    this.#wanted = true;
    this.#keeping ??= this.#keep().finally(() => {
      this.#keeping = undefined;
    });
  }

  async #keep(): Promise<void> {
    while (this.#wanted) {
      const running = this.#launch();
      this.#running = running;
      await waitFor(`the end of ${this.name}`, () => running.ended() !== undefined, {
        timeoutMs: Number.POSITIVE_INFINITY,
      });
      if (running.ended() !== 'SIGKILL' && this.#wanted) this.exits += 1;
      // A process that waits for the volume keeps its ports until the volume answers.
      await waitFor(`the processes of ${this.name} to be gone`, () => groupOf(running.pid).length === 0, {
        timeoutMs: 120_000,
      });
      if (this.#wanted && running.ended() !== 'SIGKILL') await sleep(RESTART_MS);
    }
  }

  #launch(): Running {
    // The shell is process 1 of its namespace, and then node in its place.
    const script = 'hostname "$0" && exec "$@"';
    const mta = [process.execPath, MAIN, '--config', join(this.#folder, 'config.json')];
    return start('unshare', [...CONTAINER, 'sh', '-c', script, this.name, ...mta], this.#logFile, {
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
      cwd: this.#folder,
    });
  }

  get #logFile(): string {
    return join(this.#folder, 'mta.log');
  }

  async isReady(): Promise<boolean> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.ports.health}/readyz`, {
        signal: AbortSignal.timeout(1000),
      });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }

  async ready(timeoutMs = 60_000): Promise<void> {
    await waitFor(`${this.name} to be ready`, () => this.isReady(), { timeoutMs, everyMs: 50 });
  }

  /** SIGKILL to supervisor and workers at once; it is started again. Resolves with the time before it. */
  kill(): number {
    return this.#signal('SIGKILL');
  }

  /** SIGSTOP to all of its processes. */
  freeze(): number {
    return this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): number {
    const at = Date.now();
    try {
      process.kill(-this.#running!.pid, signal);
    } catch {
      // ESRCH: it has just ended by itself.
    }
    return at;
  }

  /** SIGKILL to one of its workers, whose pid in its container is told; undefined where it has none just now. */
  killWorker(pick: number): { readonly at: number; readonly pid: number } | undefined {
    const all = tree(this.#running!.pid);
    const init = all.find(({ parent }) => parent === this.#running!.pid);
    const workers = all.filter(({ parent }) => parent === init?.pid);
    const victim = workers[Math.floor(pick * workers.length)];
    if (victim === undefined) return undefined;
    const pid = pidInside(victim.pid);
    if (pid === undefined) return undefined;
    const at = Date.now();
    process.kill(victim.pid, 'SIGKILL');
    return { at, pid };
  }

  /** SIGTERM to its supervisor; it is not started again. Resolves when it has ended. */
  async stop(timeoutMs = 60_000): Promise<void> {
    this.#wanted = false;
    const running = this.#running;
    if (running === undefined || running.ended() !== undefined) return;
    this.terminate();
    await waitFor(`${this.name} to end`, () => running.ended() !== undefined, { timeoutMs });
  }

  /** As `stop`, without a wait. */
  terminate(): void {
    this.#wanted = false;
    const init = tree(this.#running!.pid).find(({ parent }) => parent === this.#running!.pid);
    if (init) process.kill(init.pid, 'SIGTERM');
  }

  /** Ends it for good, whatever it does. */
  async end(): Promise<void> {
    this.#wanted = false;
    if (this.#running?.ended() === undefined) this.kill();
    await this.#keeping;
  }

  get exitCode(): number | string | undefined {
    return this.#running?.ended();
  }

  /** What it has logged since its first start. */
  async *log(): AsyncGenerator<Record<string, unknown>> {
    for await (const line of createInterface({ input: createReadStream(this.#logFile) })) {
      let fields: Record<string, unknown> | undefined;
      try {
        if (line.startsWith('{')) fields = JSON.parse(line) as Record<string, unknown>;
      } catch {
        // A process that is killed may leave half a line.
      }
      if (fields !== undefined) yield fields;
    }
  }
}

/** The last of its ids, each in a namespace inside the one before (proc_pid_status(5)). */
function pidInside(pid: number): number | undefined {
  try {
    const ids = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]?.split(/\s+/);
    return Number(ids!.at(-1));
  } catch {
    return undefined;
  }
}

const groupOf = (group: number) =>
  processes().filter((process) => process.group === group && !/[ZX]/.test(process.state));
