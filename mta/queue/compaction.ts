/**
 * Gives back the space of messages that have left. Always the oldest segment: its messages are written again at the
 * tail, and when nothing in it is needed any more, a record says so; that record synced and the lease renewed, the file
 * is unlinked. Runs beside the commits, in small steps that share their groups. A failure stops it until it is next
 * considered; nothing is lost by stopping anywhere.
 */
import { PostriderError } from '../errors.ts';
import { encodeLaneRecord, encodeMessage } from './format/message.ts';
import type { Journal } from './journal.ts';
import type { MessageIndex } from './message-index.ts';
import { readPart } from './read.ts';
import type { Segments } from './segments.ts';

/** Bytes read and written again at a time. */
const STEP_BYTES = 256 << 10;

export interface CompactionParts {
  readonly index: MessageIndex;
  readonly segments: Segments;
  readonly journal: Journal;
  readonly segmentBytes: number;
  /** Writes again what the lane knows besides its messages: the records that say so may be about to go. */
  restate(): Promise<void>;
  /** Takes a message that can't be read any more out of the index. */
  setAside(sequence: number, cause: unknown): Promise<void>;
  log(error: unknown): void;
}

/**
 * Whether the oldest segment should go. Free where nothing in it is needed; else only when more than half of all
 * segments is garbage: going once around the lane then costs at most as much as it gives back. Pure.
 */
export function worthCompacting(sizes: {
  readonly closedSegments: number;
  readonly liveInOldest: number;
  readonly liveInAll: number;
  readonly bytes: number;
  readonly segmentBytes: number;
}): boolean {
  if (sizes.closedSegments === 0) return false;
  if (sizes.liveInOldest === 0) return true;
  return sizes.bytes > 2 * sizes.segmentBytes && sizes.bytes > 2 * sizes.liveInAll;
}

export class Compaction {
  readonly #parts: CompactionParts;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: CompactionParts) {
    this.#parts = parts;
  }

  /** Starts, where it is worth it and doesn't run already. */
  consider(): void {
    if (this.#stopped || this.#running || !this.#isWorthIt()) return;
    this.#running = this.#run()
      .catch((error: unknown) => {
        if (!this.#stopped) this.#parts.log(error);
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when it has stopped for good. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  #isWorthIt(): boolean {
    const { index, segments, segmentBytes } = this.#parts;
    return worthCompacting({
      closedSegments: segments.currentNumber - segments.first,
      liveInOldest: index.liveBytes(segments.first),
      liveInAll: index.totalLiveBytes,
      bytes: segments.bytes,
      segmentBytes,
    });
  }

  async #run(): Promise<void> {
    const { index, segments, journal } = this.#parts;
    while (!this.#stopped && this.#isWorthIt()) {
      if (index.liveBytes(segments.first) > 0) await this.#relocate(segments.first);
      if (this.#stopped) return;
      let upTo = segments.first;
      while (upTo < segments.currentNumber && index.liveBytes(upTo) === 0) upTo += 1;
      await Promise.all([
        this.#parts.restate(),
        journal.append(encodeLaneRecord('dropped', upTo), { keep: true }),
      ]);
      await segments.drop(upTo);
    }
  }

  async #relocate(segment: number): Promise<void> {
    const { index } = this.#parts;
    let step: Promise<void>[] = [];
    let bytes = 0;
    for (const sequence of index.inSegment(segment)) {
      if (this.#stopped) break;
      bytes += index.locate(sequence)?.length ?? 0;
      step.push(this.#move(sequence));
      if (bytes < STEP_BYTES) continue;
      await Promise.all(step);
      step = [];
      bytes = 0;
    }
    await Promise.all(step);
  }

  async #move(sequence: number): Promise<void> {
    const { index, segments, journal, setAside } = this.#parts;
    const part = await readPart(segments, index, sequence).catch(async (error: unknown) => {
      if (!(error instanceof PostriderError && error.code === 'QueueDamaged')) throw error;
      await setAside(sequence, error);
      return undefined;
    });
    // Between here and the append nothing may wait: its record must hold the jobs as the journal has them.
    const message = index.get(sequence);
    if (!part || !message) return;
    const record = encodeMessage('relocated', { ...part, jobs: message.jobs });
    await journal.append(record, { keep: true, placed: (where) => index.move(sequence, where) });
  }
}
