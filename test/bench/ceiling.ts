/** For scale: what the load generators do without an MTA between them, and what the disk does without one above it. */
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeDisk } from '../../mta/queue/disk.ts';
import { startLoadSink, startLoadSource } from './load.ts';
import type { BenchOptions } from './options.ts';
import { median } from './table.ts';
import { certificateOf } from './tls-load.ts';
import type { Work } from './works.ts';

const LIMIT_MS = 300_000;

/** Messages a second from the source straight into the sink; of works with TLS on one side from end to end in TLS. */
export async function sourceToSink(work: Work, options: BenchOptions, messages: number): Promise<number> {
  const certificate = await certificateOf(options.key);
  const whole = (side: 'in' | 'out') =>
    work.tls === undefined ? work : { ...work, tls: { ...work.tls, side } };
  const sink = await startLoadSink(whole('out'), certificate);
  try {
    const source = await startLoadSource(whole('in'), sink.port, options.sessions, certificate);
    try {
      const began = performance.now();
      await source.send(messages);
      await sink.reached(messages, LIMIT_MS);
      return (1000 * messages) / (performance.now() - began);
    } finally {
      await source.stop();
    }
  } finally {
    await sink.stop();
  }
}

/** Median, in ms, of appending `bytes` to a file below `dir` and making them durable, one after the other. */
export async function rawAppend(dir: string, bytes: number, times: number): Promise<number> {
  const path = join(dir, `bench-append-${process.pid}`);
  await (await open(path, 'wx')).close();
  const file = await nodeDisk.openWritable(path);
  const block = [Buffer.alloc(bytes, 'x')];
  const taken: number[] = [];
  try {
    for (let i = 0; i < times; i += 1) {
      const began = performance.now();
      await file.write(block, i * bytes);
      await file.sync();
      taken.push(performance.now() - began);
    }
  } finally {
    await file.close();
    await unlink(path);
  }
  return median(taken);
}
