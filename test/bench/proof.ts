/**
 * What strace shows: how many syncs a message costs under load, and that between the reception of each final dot and
 * the 250 that answers it a sync was begun and completed. Skipped with a line where strace isn't installed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type ContestantOptions, contestants } from './contestants.ts';
import { latencies } from './latency.ts';
import { startLoadSink, startLoadSource } from './load.ts';
import type { BenchOptions, MtaName } from './options.ts';
import { type Acknowledgement, acknowledgements, countSyncs } from './strace.ts';
import { certificateOf } from './tls-load.ts';
import { WORKS, type Work, type WorkName } from './works.ts';

const WARM_UP = 200;
/** What makes a file durable, or may do so where it was opened for that. */
const SYNCS = ['fsync', 'fdatasync', 'openat', 'pwrite64', 'pwritev'];

/** Syncs per message of one kind of work; undefined without strace. */
export async function syncsPerMessage(
  name: MtaName,
  workName: WorkName,
  options: BenchOptions,
): Promise<number | undefined> {
  const work: Work = WORKS[workName];
  const messages = Math.max(100, Math.round(1000 * options.scale));
  const how = { workers: options.workers, calls: SYNCS, tls: work.tls };
  return underStrace(name, options, how, async (port, log, reached) => {
    const source = await startLoadSource(work, port, options.sessions, await certificateOf(options.key));
    try {
      await source.send(WARM_UP);
      await reached(WARM_UP);
      const before = countSyncs(log());
      await source.send(messages);
      await reached(WARM_UP + messages);
      return (countSyncs(log()) - before) / messages;
    } finally {
      await source.stop();
    }
  });
}

/** Every 250 to a final dot of one session through one worker, so that no other message's sync can be meant. */
export async function proveSyncs(
  name: MtaName,
  options: BenchOptions,
): Promise<Acknowledgement[] | undefined> {
  const messages = Math.max(50, Math.round(300 * options.scale));
  const calls = [...SYNCS, 'read', 'recvfrom', 'readv', 'write', 'writev', 'sendto'];
  return underStrace(name, options, { workers: 1, calls, tls: undefined }, async (port, log, reached) => {
    await latencies(port, 1, messages, 200);
    await reached(messages);
    return acknowledgements(log(), port);
  });
}

async function underStrace<T>(
  name: MtaName,
  options: BenchOptions,
  { workers, calls, tls }: Pick<ContestantOptions, 'workers' | 'tls'> & { readonly calls: readonly string[] },
  body: (port: number, log: () => string, reached: (total: number) => Promise<void>) => Promise<T>,
): Promise<T | undefined> {
  const strace = findProgram('strace');
  if (strace === undefined) {
    console.error('strace is not installed: syncs are neither counted nor proved');
    return undefined;
  }
  const file = join(temporaryFolder('bench-strace', options.dir), 'log');
  // -D: strace stands beside the program, not above it, where it would hold back the signal to stop.
  const wrap = [strace, '-D', '-f', '--seccomp-bpf', '-yy', '-ttt', '-T', '-s', '1024', '-o', file];
  wrap.push('-e', `trace=${calls.join(',')}`, '-e', 'signal=none');
  const certificate = await certificateOf(options.key);
  const sink = await startLoadSink({ tls }, certificate);
  try {
    const how = { dir: options.dir, sinkPort: sink.port, workers, wrap, certificate, tls };
    const mta = await contestants[name](how);
    try {
      return await body(
        mta.port,
        () => readFileSync(file, 'latin1'),
        (total) => sink.reached(total, 300_000),
      );
    } finally {
      await mta.stop();
    }
  } finally {
    await sink.stop();
  }
}
