/**
 * Feeds a target for a while, led by what of the code is reached: an input that gets somewhere new is one to begin from. Ends with the first
 * finding: what threw, what took too long, or what left memory behind.
 */
import { Session } from 'node:inspector/promises';
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { mutate } from './mutate.ts';
import type { Target } from './targets.ts';

export interface FuzzOptions {
  readonly target: Target;
  /** Inputs to begin from, beside the target's own. */
  readonly corpus: readonly Buffer[];
  readonly seconds: number;
  /** Most inputs; the time alone counts where absent. */
  readonly inputs?: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Ms of a processor's time that this process has had. */
  readonly processor: () => number;
  readonly random: Random;
}

export interface FuzzResult {
  readonly inputs: number;
  /** Those that got somewhere new. */
  readonly found: readonly Buffer[];
  readonly finding: { readonly input: Buffer; readonly error: Error } | undefined;
  /** Of what lives after a collection, at the end more than at the start. */
  readonly grownMiB: number;
}

/** Of a processor's time, for an input of 64 KiB: beside other work a process may stand still for longer. */
const SLOW_MS = 2000;
const COVERAGE_EVERY = 20;

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { target, seconds, inputs = Number.POSITIVE_INFINITY, clock, processor, random } = options;
  const corpus = [...target.corpus.map((text) => Buffer.from(text, 'latin1')), ...options.corpus];
  const coverage = await Coverage.start();
  const found: Buffer[] = [];
  const before = liveMiB();
  const end = clock.monotonic() + seconds * 1000;
  let batch: Buffer[] = [];
  let count = 0;
  try {
    for (const input of corpus) await tried(target, input, processor);
    await coverage.isMore();
    while (count < inputs && clock.monotonic() < end) {
      const input = mutate(corpus, target.words, random);
      count += 1;
      const error = await tried(target, input, processor);
      if (error !== undefined)
        return { inputs: count, found, finding: { input, error }, grownMiB: liveMiB() - before };
      batch.push(input);
      if (batch.length < COVERAGE_EVERY) continue;
      if (await coverage.isMore()) {
        corpus.push(...batch);
        found.push(...batch);
      }
      batch = [];
    }
    return { inputs: count, found, finding: undefined, grownMiB: liveMiB() - before };
  } finally {
    await coverage.stop();
  }
}

async function tried(
  target: Target,
  input: Buffer,
  processor: FuzzOptions['processor'],
): Promise<Error | undefined> {
  const began = processor();
  try {
    await target.run(input);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
  const took = processor() - began;
  return took > SLOW_MS ? new Error(`it took ${Math.round(took)} ms for ${input.length} octets`) : undefined;
}

/** What `FuzzOptions.processor` is outside of tests. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function liveMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Blocks of our own code that have run so far, as V8 tells them. */
class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  static async start(): Promise<Coverage> {
    const coverage = new Coverage();
    coverage.#session.connect();
    await coverage.#session.post('Profiler.enable');
    await coverage.#session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
    return coverage;
  }

  /** Whether something has run since it was asked last that never had before. */
  async isMore(): Promise<boolean> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const before = this.#seen.size;
    for (const { url, functions } of result) {
      if (!/\/mta\/[^?]*\.ts$/.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) this.#seen.add(`${url} ${startOffset} ${endOffset}`);
        }
      }
    }
    return this.#seen.size > before;
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}
