/** One measured pass: a fresh MTA, warmed up, then the work through it from the source to the sink. */
import { type Contestant, type ContestantOptions, contestants } from './contestants.ts';
import { idleMachine } from './idle.ts';
import { percentile } from './latency.ts';
import { type LoadSource, startLoadSink, startLoadSource } from './load.ts';
import type { BenchOptions, MtaName } from './options.ts';
import { certificateOf } from './tls-load.ts';
import { cpuMs, watchMemory } from './usage.ts';
import { WORKS, type Work, type WorkName } from './works.ts';

export interface Pass {
  readonly acceptPerSecond: number;
  readonly endToEndPerSecond: number;
  readonly cpuMsPerMessage: number;
  readonly peakRssMiB: number;
  /** Of the TLS handshakes, those that resumed a session: 0 to 1, NaN without TLS. */
  readonly resumedShare: number;
  /** Final dot to 250, in ms. */
  readonly p50: number;
  readonly p99: number;
}

const LIMIT_MS = 300_000;

export async function measure(name: MtaName, workName: WorkName, options: BenchOptions): Promise<Pass> {
  const work: Work = WORKS[workName];
  const scaled = (messages: number) => Math.max(50, Math.round(messages * options.scale));
  const certificate = await certificateOf(options.key);
  const sink = await startLoadSink(work, certificate);
  let mta: Contestant | undefined;
  let source: LoadSource | undefined;
  try {
    const { dir, workers } = options;
    const how: ContestantOptions = { dir, sinkPort: sink.port, workers, certificate, tls: work.tls };
    mta = await contestants[name](how);
    source = await startLoadSource(work, mta.port, options.sessions, certificate);
    const warmUp = name === 'postrider' ? work.warmUp * options.workers : work.warmUp;
    await source.send(warmUp);
    await sink.reached(warmUp, LIMIT_MS);
    const found = await idleMachine();
    if (found !== 'idle') console.error(`note: the machine is ${found} before ${workName} of ${name}`);

    const messages = scaled(work.messages);
    const memory = watchMemory(mta.pid);
    const cpuBefore = cpuMs(mta.pid);
    const before = { count: sink.count(), handshakes: sink.handshakes() };
    const began = performance.now();
    const all = sink
      .reached(before.count + messages, LIMIT_MS)
      .then(() => (performance.now() - began) / 1000);
    const [sent, endToEndSeconds] = await Promise.all([source.send(messages), all]);
    const cpu = cpuMs(mta.pid) - cpuBefore;
    const peakRssMiB = memory();
    const made = sink.handshakes();
    const handshakes = made.all - before.handshakes.all;
    if (work.tls?.side === 'out' && handshakes < messages) {
      throw new Error(`${name} made ${handshakes} TLS connections for ${messages} messages of ${workName}`);
    }
    const resumed = sent.resumed + made.resumed - before.handshakes.resumed;
    const waits = await source.latencies(scaled(2000));
    return {
      acceptPerSecond: messages / sent.seconds,
      endToEndPerSecond: messages / endToEndSeconds,
      cpuMsPerMessage: cpu / messages,
      peakRssMiB,
      resumedShare: work.tls === undefined ? Number.NaN : resumed / messages,
      p50: percentile(waits, 0.5),
      p99: percentile(waits, 0.99),
    };
  } finally {
    await source?.stop();
    await mta?.stop();
    await sink.stop();
  }
}
