/**
 * The operator with thousands of domains, as a process of its own, on a real API server, with stand-ins for the pods. See docs/bench.md
 * for what the figures mean.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL_PLANE, missingBinaries, REMEDY } from '../control-plane/support/binaries.ts';
import {
  domainName,
  type LargeFleet,
  type Size,
  startLargeFleet,
  tenantOf,
} from '../control-plane/support/large-fleet.ts';
import { type OperatorProcess, startOperator } from '../control-plane/support/operator-process.ts';
import { writesBetween, writesSoFar } from '../control-plane/support/writes.ts';
import { temporaryFolder } from '../support/folders.ts';
import { sleep, waitFor } from '../support/wait.ts';
import { percentile } from './latency.ts';
import type { BenchOptions } from './options.ts';
import { figure, table } from './table.ts';
import { cpuMs } from './usage.ts';

export interface OperatorFigures {
  readonly size: Size;
  /** Seconds from the start of the process, with nothing made yet, until all conditions are True. */
  readonly coldStartSeconds: number;
  /** ConfigMaps and Secrets that the config takes. */
  readonly parts: { readonly configMaps: number; readonly secrets: number };
  /** Of a change, in ms, sorted: until each pod has loaded it; until its status says so. */
  readonly loadedMs: readonly number[];
  readonly programmedMs: readonly number[];
  /** What was written for all of the changes, and in the time in which nothing changed, by verb and resource. */
  readonly changeWrites: Readonly<Record<string, number>>;
  readonly idleWrites: Readonly<Record<string, number>>;
  readonly idleSeconds: number;
  /** Seconds from the first of the users, with a password each, until the conditions of all of them are True. */
  readonly users: number;
  readonly usersSeconds: number;
  /** Seconds from the start of a process after a SIGKILL until a change that came meanwhile is loaded by each pod. */
  readonly restartSeconds: number;
  readonly restartWrites: Readonly<Record<string, number>>;
  /** Before the users came; when they had; of the process that was started again. */
  readonly memory: Memory;
  readonly memoryWithUsers: Memory;
  readonly memoryRestarted: Memory;
  /** Processor time of the process, in seconds. */
  readonly cpuSeconds: Readonly<Record<'coldStart' | 'changes' | 'idle', number>>;
  /** The longest in ms that the event loop was busy with one thing. */
  readonly stallMs: Readonly<Record<'coldStart' | 'changes' | 'idle' | 'users' | 'restart', number>>;
}

interface Memory {
  readonly nowMiB: number;
  readonly peakMiB: number;
}

const COLD_START_TIMEOUT_MS = 900_000;
const CHANGE_TIMEOUT_MS = 120_000;
/** As the chart starts it: V8 would rather let garbage lie than collect it where there is memory. */
const HEAP = ['--max-old-space-size=256', '--max-semi-space-size=2'];
const MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
const PROBE = join(import.meta.dirname, 'loop-probe.ts');
/** For as long nothing was written: everything that was to be done has been. */
const QUIET_MS = 5000;

interface Measured {
  readonly process: OperatorProcess;
  /** Longest stall since this was last asked for. */
  stallMs(): number;
  memory(): Memory;
  cpuSeconds(): number;
}

export async function measureOperator(options: BenchOptions): Promise<OperatorFigures> {
  const size: Size = {
    ...{ domains: options.domains, relays: options.relays, tenants: 10, pods: 3 },
    ...{ recipients: 10, policies: 10, bundleBytes: 150_000 },
  };
  const missing = missingBinaries(CONTROL_PLANE);
  if (missing.length > 0) throw new Error(`${missing.join(' and ')} not found: ${REMEDY}`);
  console.log(`making ${size.domains} domains and ${size.relays} relays`);
  const fleet = await startLargeFleet(size);
  const running: OperatorProcess[] = [];
  try {
    const begin = async (): Promise<Measured> => {
      const measured = await startMeasured(fleet);
      running.push(measured.process);
      await waitFor('the operator to lead', () => measured.process.leads(), { timeoutMs: CHANGE_TIMEOUT_MS });
      // Until then modules are loaded, and lists read: nobody's lease depends on it.
      measured.stallMs();
      return measured;
    };
    const ask = fleet.plane.transport();
    const began = performance.now();
    let operator = await begin();
    await fleet.startPods();
    await allTrue(fleet, operator);
    const coldStartSeconds = (performance.now() - began) / 1000;
    const coldStart = { stall: operator.stallMs(), cpu: operator.cpuSeconds() };
    await quiet(fleet);
    operator.stallMs();

    const beforeChanges = { writes: await writesSoFar(ask), cpu: operator.cpuSeconds() };
    const changes = await change(fleet, size, options.changes);
    const changed = { stall: operator.stallMs(), cpu: operator.cpuSeconds() - beforeChanges.cpu };
    await quiet(fleet);
    const changeWrites = writesBetween(beforeChanges.writes, await writesSoFar(ask));

    const beforeIdle = { writes: await writesSoFar(ask), cpu: operator.cpuSeconds() };
    operator.stallMs();
    await sleep(options.idleSeconds * 1000);
    const idleWrites = writesBetween(beforeIdle.writes, await writesSoFar(ask));
    const idle = { stall: operator.stallMs(), cpu: operator.cpuSeconds() - beforeIdle.cpu };

    const memory = operator.memory();
    const usersBegan = performance.now();
    await fleet.addUsers(options.users);
    await allTrue(fleet, operator);
    const usersSeconds = (performance.now() - usersBegan) / 1000;
    const usersStall = operator.stallMs();
    const memoryWithUsers = operator.memory();
    await quiet(fleet);

    await operator.process.running.kill9();
    const beforeRestart = await writesSoFar(ask);
    const missed = await fleet.edit(0, 'meanwhile');
    const restarted = performance.now();
    operator = await begin();
    await loaded(fleet, missed);
    const restartSeconds = (performance.now() - restarted) / 1000;
    await quiet(fleet);
    return {
      ...{ size, coldStartSeconds, restartSeconds, changeWrites, idleWrites, ...changes },
      ...{ users: options.users, usersSeconds },
      parts: await fleet.parts(),
      idleSeconds: options.idleSeconds,
      restartWrites: writesBetween(beforeRestart, await writesSoFar(ask)),
      ...{ memory, memoryWithUsers, memoryRestarted: operator.memory() },
      cpuSeconds: { coldStart: coldStart.cpu, changes: changed.cpu, idle: idle.cpu },
      stallMs: {
        ...{ coldStart: coldStart.stall, changes: changed.stall, idle: idle.stall, users: usersStall },
        restart: operator.stallMs(),
      },
    };
  } finally {
    await Promise.allSettled(running.map((process) => process.running.kill9()));
    await fleet.stop();
  }
}

async function allTrue(fleet: LargeFleet, { process: { running } }: Measured): Promise<void> {
  const hasEnded = () => running.ended() !== undefined;
  await waitFor('all conditions to be True', () => hasEnded() || fleet.lacking().length === 0, {
    ...{ timeoutMs: COLD_START_TIMEOUT_MS, everyMs: 50 },
  });
  // As where the whole machine stood still for longer than its lease.
  if (hasEnded()) throw new Error(`the operator has ended:\n${running.output()}`);
}

async function startMeasured(fleet: LargeFleet): Promise<Measured> {
  const file = join(temporaryFolder('bench-operator'), 'stalls');
  // The process inherits it: one is started at a time.
  Object.assign(process.env, MALLOC, { BENCH_LOOP_PROBE: file });
  const operator = await startOperator(fleet.plane.kubeconfig('operator'), [...HEAP, '--import', PROBE]);
  const { pid } = operator.running;
  let seen = 0;
  return {
    process: operator,
    stallMs() {
      const stalls = linesOf(file).map(Number);
      const longest = Math.max(0, ...stalls.slice(seen));
      seen = stalls.length;
      return longest;
    },
    memory() {
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      const mib = (field: string) =>
        Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
      return { nowMiB: mib('VmRSS'), peakMiB: mib('VmHWM') };
    },
    cpuSeconds: () => cpuMs(pid) / 1000,
  };
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    // Nothing has taken long yet.
    return [];
  }
}

type Edit = Awaited<ReturnType<LargeFleet['edit']>>;

function loaded({ pods }: LargeFleet, { id, generation }: Edit): Promise<boolean> {
  return waitFor(
    `each pod to have ${id}`,
    () => pods.every(({ config }) => (config?.resources[id] ?? 0) >= generation),
    { timeoutMs: CHANGE_TIMEOUT_MS, everyMs: 2 },
  );
}

/** One after the other, each when the one before is through. */
async function change(
  fleet: LargeFleet,
  size: Size,
  count: number,
): Promise<Pick<OperatorFigures, 'loadedMs' | 'programmedMs'>> {
  const [loadedMs, programmedMs]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i += 1) {
    const number = Math.floor((i * size.domains) / count);
    const began = performance.now();
    const edit = await fleet.edit(number, `change-${i}`);
    await loaded(fleet, edit);
    loadedMs.push(performance.now() - began);
    await waitFor(`${edit.id} to be Programmed`, () => isProgrammed(fleet, number, size, edit.generation), {
      timeoutMs: CHANGE_TIMEOUT_MS,
      everyMs: 2,
    });
    programmedMs.push(performance.now() - began);
  }
  const ascending = (one: number, other: number) => one - other;
  return { loadedMs: loadedMs.sort(ascending), programmedMs: programmedMs.sort(ascending) };
}

function isProgrammed(fleet: LargeFleet, number: number, size: Size, generation: number): boolean {
  const { status } = fleet.own('MailDomain', domainName(number), tenantOf(number, size)) ?? {};
  const conditions = (status?.['conditions'] ?? []) as readonly {
    readonly type: string;
    readonly status: string;
    readonly observedGeneration: number;
  }[];
  return conditions.some(
    ({ type, status: is, observedGeneration }) =>
      type === 'Programmed' && is === 'True' && observedGeneration === generation,
  );
}

async function quiet({ plane }: LargeFleet): Promise<void> {
  const ask = plane.transport();
  let before = await writesSoFar(ask);
  let since = performance.now();
  await waitFor(
    'the operator to be done',
    async () => {
      const now = await writesSoFar(ask);
      if (Object.keys(writesBetween(before, now)).length > 0) [before, since] = [now, performance.now()];
      return performance.now() - since > QUIET_MS;
    },
    { timeoutMs: COLD_START_TIMEOUT_MS, everyMs: 500 },
  );
}

const total = (writes: Readonly<Record<string, number>>): number =>
  Object.values(writes).reduce((sum, count) => sum + count, 0);

/** What, how much, what is asked for, and whether it is met. */
export function operatorTable(figures: OperatorFigures): string {
  const { size, parts, loadedMs, programmedMs, stallMs, cpuSeconds } = figures;
  const verdict = (value: number, most: number) => (value <= most ? 'yes' : 'NO');
  const seconds = (value: number) => `${figure(value)} s`;
  const times = (sorted: readonly number[]) =>
    `${[0.5, 0.99, 1].map((share) => figure(percentile(sorted, share) / 1000)).join(' / ')} s`;
  const worst = (sorted: readonly number[]) => sorted.at(-1)! / 1000;
  const stall = Math.max(...Object.values(stallMs));
  const mib = ({ nowMiB, peakMiB }: Memory) => `${figure(nowMiB)} / ${figure(peakMiB)} MiB`;
  return table(
    ['operator', `${size.domains} domains, ${size.relays} relays, ${size.pods} pods`, 'asked for', 'met'],
    [
      [
        'cold start to all conditions True',
        seconds(figures.coldStartSeconds),
        'under 60 s',
        verdict(figures.coldStartSeconds, 60),
      ],
      [
        'one change, on each pod (p50 / p99 / worst)',
        times(loadedMs),
        'under 2 s',
        verdict(worst(loadedMs), 2),
      ],
      [
        'one change, Programmed (p50 / p99 / worst)',
        times(programmedMs),
        'p99 under 5 s',
        verdict(percentile(programmedMs, 0.99) / 1000, 5),
      ],
      [
        `writes in ${figures.idleSeconds} s without a change`,
        `${total(figures.idleWrites)}`,
        '0',
        verdict(total(figures.idleWrites), 0),
      ],
      ['memory, now / peak', mib(figures.memory), 'under 400 MiB', verdict(figures.memory.peakMiB, 400)],
      [`memory when ${figures.users} users have come, now / peak`, mib(figures.memoryWithUsers), '', ''],
      ['memory after a restart, now / peak', mib(figures.memoryRestarted), '', ''],
      [
        'event loop busy with one thing: cold start / changes / idle / users / restart',
        `${Object.values(stallMs).map(figure).join(' / ')} ms`,
        'under 1 s',
        verdict(stall, 1000),
      ],
      [
        'config in ConfigMaps / Secrets',
        `${parts.configMaps} / ${parts.secrets}`,
        'more than one',
        verdict(2, Math.min(parts.configMaps, parts.secrets)),
      ],
      [
        `${figures.users} users with a password come, until all conditions are True`,
        ...[seconds(figures.usersSeconds), '', ''],
      ],
      ['restart, until a change made meanwhile is on each pod', seconds(figures.restartSeconds), '', ''],
      ['writes after a restart', list(figures.restartWrites), '', ''],
      ['writes of a change', list(per(figures.changeWrites, loadedMs.length)), '', ''],
      [
        'CPU: cold start / one change / idle',
        `${figure(cpuSeconds.coldStart)} s / ${figure((cpuSeconds.changes * 1000) / loadedMs.length)} ms / ${figure((cpuSeconds.idle * 100) / figures.idleSeconds)} %`,
        '',
        '',
      ],
    ],
  );
}

const per = (writes: Readonly<Record<string, number>>, count: number): Record<string, number> =>
  Object.fromEntries(Object.entries(writes).map(([what, number]) => [what, number / count]));

const list = (writes: Readonly<Record<string, number>>): string =>
  Object.entries(writes)
    .map(([what, count]) => `${figure(count)} ${what}`)
    .join(', ') || 'none';
