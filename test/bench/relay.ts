/** One measured pass: a fresh MTA, warmed up, then the work through it from smtp-source to smtp-sink. */
import type { Contestant, ContestantOptions } from './contestants.ts';
import { contestants } from './contestants.ts';
import { latencies, percentile } from './latency.ts';
import { idleMachine, send, startLoadSink } from './load.ts';
import type { BenchOptions, MtaName } from './options.ts';
import { cpuMs, watchMemory } from './usage.ts';
import { WORKS, type Work, type WorkName } from './works.ts';

export interface Pass {
  readonly acceptPerSecond: number;
  readonly endToEndPerSecond: number;
  readonly cpuMsPerMessage: number;
  readonly peakRssMiB: number;
  /** Final dot to 250, in ms. */
  readonly p50: number;
  readonly p99: number;
}

const LIMIT_MS = 300_000;

export async function measure(name: MtaName, workName: WorkName, options: BenchOptions): Promise<Pass> {
  const work: Work = WORKS[workName];
  const scaled = (messages: number) => Math.max(50, Math.round(messages * options.scale));
  const sink = await startLoadSink();
  let mta: Contestant | undefined;
  try {
    const how: ContestantOptions = { dir: options.dir, sinkPort: sink.port, workers: options.workers };
    mta = await contestants[name](how);
    const warmUp = name === 'postrider' ? work.warmUp * options.workers : work.warmUp;
    await send(work, mta.port, options.sessions, warmUp);
    await sink.reached(warmUp, LIMIT_MS);
    if (!(await idleMachine())) console.error(`note: the machine is not idle before ${workName} of ${name}`);

    const messages = scaled(work.messages);
    const memory = watchMemory(mta.pid);
    const cpuBefore = cpuMs(mta.pid);
    const before = sink.count();
    const began = performance.now();
    const all = sink.reached(before + messages, LIMIT_MS).then(() => (performance.now() - began) / 1000);
    const [acceptSeconds, endToEndSeconds] = await Promise.all([
      send(work, mta.port, options.sessions, messages),
      all,
    ]);
    const cpu = cpuMs(mta.pid) - cpuBefore;
    const figures = {
      acceptPerSecond: messages / acceptSeconds,
      endToEndPerSecond: messages / endToEndSeconds,
      cpuMsPerMessage: cpu / messages,
      peakRssMiB: memory(),
    };
    const sessions = work.single ? 1 : options.sessions;
    const waits = await latencies(mta.port, sessions, scaled(2000), work.size);
    return { ...figures, p50: percentile(waits, 0.5), p99: percentile(waits, 0.99) };
  } finally {
    await mta?.stop();
    await sink.stop();
  }
}
