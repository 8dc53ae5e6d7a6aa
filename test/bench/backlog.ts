/**
 * What a large backlog of deferred mail costs: memory, recovery, and those whose mail is fresh. See docs/bench.md for
 * what the figures mean.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { CONTROL_TOKEN, DELIVERY } from '../support/config.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, ROOT, startMta } from '../support/mta.ts';
import { runOk, tree } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { type AcceptFigures, accept, type DeliveryFigures, delivered } from './backlog-load.ts';
import { type Watch, watchEventLoop } from './backlog-watch.ts';
import { type BacklogWorld, startBacklogWorld } from './backlog-world.ts';
import type { BenchOptions } from './options.ts';
import { figure, median, table } from './table.ts';

interface Memory {
  readonly nowMiB: number;
  readonly peakMiB: number;
}

export interface Backlog {
  readonly messages: number;
  readonly destinations: number;
  readonly fillSeconds: number;
  /** From the start of the process after a SIGKILL until it is ready and knows every message. */
  readonly recoverySeconds: number;
  /** Of each worker: after recovery; and at the end, after all of the backlog was due. */
  readonly recovered: readonly Memory[];
  readonly afterwards: readonly Memory[];
  readonly accept: Readonly<Record<'empty' | 'backlog', AcceptFigures>>;
  /** Fresh mail to hosts that are well: of an empty mta, beside a backlog that waits, beside one that is due. */
  readonly fresh: Readonly<Record<'empty' | 'waiting' | 'due', DeliveryFigures>>;
  /** Seconds that it took to make all of the backlog due by a request. */
  readonly retrySeconds: number;
  /** To one quick host while a slow one has a line of its own. */
  readonly besideSlow: DeliveryFigures;
  readonly slowLeft: number;
  /** The longest in ms that a worker with the backlog was busy with one thing, by what was going on. */
  readonly busyMs: Readonly<Record<'recovery' | 'accept' | 'waiting' | 'retry' | 'due' | 'listing', number>>;
}

const FILL_TIMEOUT_MS = 1_800_000;
const KNOWN_TIMEOUT_MS = 300_000;
/** Messages of a round of `accept`, and rounds. */
const ACCEPTED = 3000;
const ROUNDS = 3;
const FRESH = 100;
const FRESH_EVERY_MS = 50;
const SLOW_LINE = 2000;
const LISTINGS = 20;

export async function measureBacklog(options: BenchOptions): Promise<Backlog> {
  const { backlogMessages: messages, destinations, sessions } = options;
  const world = await startBacklogWorld();
  const loaded = await start(options, world);
  const empty = await start(options, world);
  const watch = watchEventLoop(loaded);
  try {
    await loaded.stop();
    const fillSeconds = await fill(loaded, options);
    await loaded.restart();
    await known(watch, messages);
    await loaded.kill9();
    const began = performance.now();
    await loaded.restart();
    await known(watch, messages);
    const recoverySeconds = (performance.now() - began) / 1000;
    const recovered = memoryOfWorkers(loaded);
    const busyRecovery = await watch.worstMs();

    const rounds = { empty: [] as AcceptFigures[], backlog: [] as AcceptFigures[] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [name, mta] of [
        ['empty', empty],
        ['backlog', loaded],
      ] as const) {
        const addresses = freshAddresses(`accept${round}${name}`, ACCEPTED, () => 'accept');
        const figures = await accept(mta.ports.smtp, addresses, sessions);
        await (mta === empty ? known(mta, 0) : known(watch, messages));
        // The first warms up: V8 compiles what is hot.
        if (round > 0) rounds[name].push(figures);
      }
    }
    const busyAccept = await watch.worstMs();
    const fresh = (mta: Mta, name: string) =>
      delivered(mta.ports.smtp, world, freshAddresses(name, FRESH, String), FRESH_EVERY_MS);
    const freshEmpty = await fresh(empty, 'fresh-empty');
    const freshWaiting = await fresh(loaded, 'fresh-waiting');
    const busyWaiting = await watch.worstMs();
    const retryBegan = performance.now();
    const retry = retryAll(loaded).then(() => (performance.now() - retryBegan) / 1000);
    const freshDue = await fresh(loaded, 'fresh-due');
    const retrySeconds = await retry;
    const busyRetry = await watch.worstMs();
    for (let n = 0; n < LISTINGS; n += 1) await loaded.control('/v1/queue');
    const busyListing = await watch.worstMs();
    const slowBefore = world.slow();
    await accept(
      loaded.ports.smtp,
      freshAddresses('slow', SLOW_LINE, () => 'x', 'slow.test'),
      sessions,
    );
    const besideSlow = await delivered(
      loaded.ports.smtp,
      world,
      freshAddresses('beside', FRESH, () => 'one'),
      FRESH_EVERY_MS,
    );
    const busyMs = {
      recovery: busyRecovery,
      accept: busyAccept,
      waiting: busyWaiting,
      retry: busyRetry,
      listing: busyListing,
      due: await watch.worstMs(),
    };
    return {
      messages,
      destinations,
      fillSeconds,
      recoverySeconds,
      recovered,
      afterwards: memoryOfWorkers(loaded),
      accept: { empty: middle(rounds.empty), backlog: middle(rounds.backlog) },
      fresh: { empty: freshEmpty, waiting: freshWaiting, due: freshDue },
      retrySeconds,
      besideSlow,
      slowLeft: SLOW_LINE - (world.slow() - slowBefore),
      busyMs,
    };
  } finally {
    watch.stop();
    await Promise.allSettled([loaded.kill9(), empty.kill9()]);
    await world.close();
  }
}

function start({ dir, workers }: BenchOptions, { resolver, mxPort }: BacklogWorld): Promise<Mta> {
  return startMta({
    folder: temporaryFolder('bench-backlog', dir),
    readyMs: KNOWN_TIMEOUT_MS,
    config: () => ({
      workers,
      resolver: { servers: [resolver], timeoutSeconds: 2 },
      delivery: {
        ...DELIVERY,
        mxPort,
        retry: { initialSeconds: 3600, factor: 2, maxSeconds: 14_400, jitter: 0.2 },
      },
    }),
  });
}

/** One lane for each worker, written by a process each. */
async function fill({ config }: Mta, options: BenchOptions): Promise<number> {
  const { workers, backlogMessages, destinations } = options;
  const share = Math.ceil(backlogMessages / workers);
  const began = performance.now();
  await Promise.all(
    Array.from({ length: workers }, (_, i) => {
      const count = Math.min(share, backlogMessages - i * share);
      const args = [JSON.stringify(config.queue), i * share, count, destinations].map(String);
      return runOk(process.execPath, [join(ROOT, 'test/bench/backlog-fill.main.ts'), ...args], {
        timeoutMs: FILL_TIMEOUT_MS,
      });
    }),
  );
  return (performance.now() - began) / 1000;
}

/** A request without a timeout, which `fetch` would have: on a busy machine a million take a while. */
async function retryAll({ ports, config }: Mta): Promise<void> {
  const asked = request({
    method: 'POST',
    host: '127.0.0.1',
    port: ports.control,
    path: '/v1/messages/retry',
    headers: {
      authorization: `Bearer ${config.secrets[CONTROL_TOKEN]}`,
      'content-type': 'application/json',
    },
  });
  asked.end(JSON.stringify({ all: true }));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  if (answer.statusCode !== 200) throw new Error(`the retry of all was answered ${answer.statusCode}`);
}

function freshAddresses(
  name: string,
  count: number,
  domain: (number: number) => string,
  zone = 'quick.test',
): string[] {
  return Array.from({ length: count }, (_, i) => `${name}-${i}@${name}-${domain(i)}.${zone}`);
}

async function known(mta: Pick<Watch, 'metric'>, messages: number): Promise<void> {
  const count = () => mta.metric('postrider_queue_messages');
  await waitFor(`${messages} messages in the queue`, async () => (await count()) === messages, {
    timeoutMs: KNOWN_TIMEOUT_MS,
    everyMs: 100,
  });
}

function memoryOfWorkers(mta: Mta): Memory[] {
  const { pid } = mta.running;
  return tree(pid)
    .filter((process) => process.parent === pid)
    .map((process) => {
      const status = readFileSync(`/proc/${process.pid}/status`, 'latin1');
      const mib = (field: string) =>
        Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
      return { nowMiB: mib('VmRSS'), peakMiB: mib('VmHWM') };
    });
}

function middle(rounds: readonly AcceptFigures[]): AcceptFigures {
  const of = (member: keyof AcceptFigures) => median(rounds.map((round) => round[member]));
  return { perSecond: of('perSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') };
}

/** As docs/bench.md has it. */
export function backlogTable(backlog: Backlog): string {
  const memory = (all: readonly Memory[], of: keyof Memory) => all.map((one) => figure(one[of])).join(' + ');
  const times = ({ p50Ms, p99Ms, worstMs }: DeliveryFigures) =>
    [p50Ms, p99Ms, worstMs].map(figure).join(' / ');
  const rate = ({ perSecond, p50Ms, p99Ms }: AcceptFigures) =>
    `${figure(perSecond)}/s, ${figure(p50Ms)} / ${figure(p99Ms)} ms`;
  return table(
    ['backlog', `${backlog.messages} messages, ${backlog.destinations} destinations`],
    [
      ['filled in', `${figure(backlog.fillSeconds)} s`],
      ['ready after SIGKILL', `${figure(backlog.recoverySeconds)} s`],
      ['workers then, now', `${memory(backlog.recovered, 'nowMiB')} MiB`],
      ['workers then, peak', `${memory(backlog.recovered, 'peakMiB')} MiB`],
      ['workers after all was due, now', `${memory(backlog.afterwards, 'nowMiB')} MiB`],
      ['workers after all was due, peak', `${memory(backlog.afterwards, 'peakMiB')} MiB`],
      ['accepts, empty (p50 / p99)', rate(backlog.accept.empty)],
      ['accepts, with the backlog (p50 / p99)', rate(backlog.accept.backlog)],
      ['fresh mail delivered, empty (p50 / p99 / worst)', `${times(backlog.fresh.empty)} ms`],
      ['fresh mail delivered, backlog waits', `${times(backlog.fresh.waiting)} ms`],
      ['fresh mail delivered, backlog is due', `${times(backlog.fresh.due)} ms`],
      ['all made due in', `${figure(backlog.retrySeconds)} s`],
      [
        'beside a slow host',
        `${times(backlog.besideSlow)} ms, while ${backlog.slowLeft} wait for the slow one`,
      ],
      ...Object.entries(backlog.busyMs).map(([phase, ms]): [string, string] => [
        `busy with one thing at most, ${phase}`,
        `${figure(ms)} ms`,
      ]),
    ],
  );
}
