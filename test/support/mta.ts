/** The real mta as a child process, over a queue in a temporary folder. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MtaConfig } from '../../mta/config.ts';
import { CONTROL_TOKEN, type Ports, testConfig } from './config.ts';
import { temporaryFolder } from './folders.ts';
import { freePort } from './ports.ts';
import { type Running, start } from './processes.ts';
import { waitFor } from './wait.ts';

export const ROOT = new URL('../..', import.meta.url).pathname;
const MAIN = join(ROOT, 'mta/main.ts');

export interface Mta {
  readonly folder: string;
  readonly ports: Ports;
  readonly config: MtaConfig;
  readonly running: Running;
  /** Standard output and error since the first start: the mail log among them. */
  output(): string;
  /** The mail log's lines, and whatever else was logged as JSON. */
  log(): Record<string, unknown>[];
  /** SIGTERM, and a wait for the end that `drainSeconds` allows. */
  stop(): Promise<void>;
  /** SIGKILL to the supervisor and all workers. */
  kill9(): Promise<void>;
  /** The same config over the same queue again; waits until it is ready. */
  restart(options?: { readonly wait?: boolean }): Promise<void>;
  /** A request to the control port with the token; rejects for anything but 2xx. */
  control(path: string, init?: RequestInit): Promise<unknown>;
  health(path: string): Promise<Response>;
  /** Sum of a Prometheus metric over all of its label sets; undefined where there is none of that name. */
  metric(name: string): Promise<number | undefined>;
}

export interface MtaOptions {
  /** Changes to the default config; gets the folder and the ports that were picked. */
  readonly config?: (folder: string, ports: Ports) => Partial<MtaConfig>;
  readonly folder?: string;
  readonly readyMs?: number;
  /** Starts it without waiting for it to be ready: for starts that have to fail. */
  readonly wait?: false;
  /** A program and its arguments before `node`: strace. */
  readonly wrap?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Further arguments of the mta. */
  readonly args?: readonly string[];
}

export async function pickPorts(): Promise<Ports> {
  return {
    smtp: await freePort(),
    submission: await freePort(),
    health: await freePort(),
    control: await freePort(),
  };
}

/** Starts an mta and waits until it says that it is ready. Rejects with its output when it ends before. */
export async function startMta(options: MtaOptions = {}): Promise<Mta> {
  const folder = options.folder ?? temporaryFolder('mta');
  const ports = await pickPorts();
  const config = testConfig(folder, ports, options.config?.(folder, ports));
  const file = join(folder, 'config.json');
  const log = join(folder, 'mta.log');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });

  const command = [
    ...(options.wrap ?? []),
    process.execPath,
    MAIN,
    '--config',
    file,
    ...(options.args ?? []),
  ];
  const launch = () =>
    start(command[0]!, command.slice(1), log, { env: { ...process.env, ...options.env }, cwd: folder });
  let running = launch();

  const ready = async () => {
    await waitFor(
      'the mta to be ready',
      async () => {
        const ended = running.ended();
        if (ended !== undefined) return 'ended';
        const response = await fetch(`http://127.0.0.1:${ports.health}/readyz`);
        await response.arrayBuffer();
        return response.ok && 'ready';
      },
      { timeoutMs: options.readyMs ?? 20_000, everyMs: 10 },
    ).then(
      (state) => {
        if (state === 'ended') throw new Error(`the mta ended with ${running.ended()}:\n${tail(running)}`);
      },
      async (error: unknown) => {
        await running.kill9();
        throw new Error(`${String(error)}\n${tail(running)}`, { cause: error });
      },
    );
  };
  if (options.wait !== false) await ready();

  return {
    folder,
    ports,
    config,
    get running() {
      return running;
    },
    output: () => running.output(),
    log: () => jsonLines(running.output()),
    stop: () => running.stop('SIGTERM', config.drainSeconds * 1000 + 10_000),
    kill9: () => running.kill9(),
    async restart({ wait = true } = {}) {
      running = launch();
      if (wait) await ready();
    },
    async control(path, init = {}) {
      const response = await fetch(`http://127.0.0.1:${ports.control}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${config.secrets[CONTROL_TOKEN]}`, ...init.headers },
      });
      const body = await response.text();
      if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${body}`);
      return body === '' ? undefined : (JSON.parse(body) as unknown);
    },
    health: (path) => fetch(`http://127.0.0.1:${ports.health}${path}`),
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${ports.health}/metrics`)).text();
      return sumOfMetric(text, name);
    },
  };
}

function tail(running: Running): string {
  return running.output().split('\n').slice(-30).join('\n');
}

function jsonLines(text: string): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) continue;
    try {
      lines.push(JSON.parse(line) as Record<string, unknown>);
    } catch {
      // The last line of a process that was killed may be cut short.
    }
  }
  return lines;
}

export function sumOfMetric(text: string, name: string): number | undefined {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
