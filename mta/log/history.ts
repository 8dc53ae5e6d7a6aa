/**
 * Writes the history: what became of recipients that have ended, as JSON lines in one file per day and writer
 * (`2026-11-22.<writer>.jsonl`), so that each file has a single writer. Appends are gathered and written every half a
 * second; days beyond `days` are removed.
 *
 * It never stands in the way of mail: what can't be written (full disk) waits up to `LONGEST_BACKLOG` and is tried
 * again, beyond that the oldest is dropped; both are reported. A line that was written in part is ended before the
 * next one, and readers skip it. A crash loses the last half second.
 */
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { HistoryRecord } from './types.ts';

export interface HistoryWriter {
  append(record: HistoryRecord): void;
  /** Resolves when what was appended before is written, or has failed. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface HistoryOptions {
  /** Folder; made where it doesn't exist. */
  readonly path: string;
  /** 0 where none is to be kept. Asked whenever it matters: it may change. */
  readonly days: () => number;
  /** Names this process among those that write to the folder: letters, digits, `-` and `_`. */
  readonly writer: string;
  readonly clock: Clock;
  readonly onError: (error: Error) => void;
}

const FLUSH_MS = 500;
const FLUSH_LENGTH = 64 * 1024;
const LONGEST_BACKLOG = 4 * 1024 * 1024;
const DAY_MS = 86_400_000;

const HISTORY_FILE = /^(\d{4}-\d{2}-\d{2})\.[A-Za-z0-9_-]+\.jsonl$/;

/** The day (`2026-11-22`) of a file of the history, or undefined where the name is another's. */
export function historyDay(name: string): string | undefined {
  return HISTORY_FILE.exec(name)?.[1];
}

/** Removes the files whose whole day is more than `days` ago; a file that another process removes first is no error. */
export async function expireHistory(path: string, days: number, now: number): Promise<void> {
  for (const name of await namesIn(path)) {
    const day = historyDay(name);
    if (day === undefined || Date.parse(day) + DAY_MS > now - days * DAY_MS) continue;
    await unlink(join(path, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

/** Names in a folder, none where there is no folder yet. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function createHistoryWriter({ path, days, writer, clock, onError }: HistoryOptions): HistoryWriter {
  const waiting: { day: string; line: string }[] = [];
  let length = 0;
  let cancelTimer: (() => void) | undefined;
  let writing: Promise<void> | undefined;
  let failing = false;
  let expiredOn = '';
  /** A day whose file may end within a line: at start, and after a failed write. */
  const unsure = new Map<string, boolean>();

  function flush(): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    writing ??= writeAll()
      .then(
        () => {
          failing = false;
        },
        (error: Error) => {
          failing = true;
          onError(error);
        },
      )
      .finally(() => {
        writing = undefined;
        schedule();
      });
    return writing;
  }

  function schedule(): void {
    if (waiting.length > 0 && writing === undefined)
      cancelTimer ??= clock.after(FLUSH_MS, () => void flush());
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const day = waiting[0]?.day ?? '';
      let count = 0;
      while (waiting[count]?.day === day) count++;
      const batch = waiting.splice(0, count);
      const lines = batch.map(({ line }) => line).join('');
      length -= lines.length;
      try {
        if (day !== expiredOn) await startDay(day);
        await appendLines(day, lines);
      } catch (error) {
        waiting.unshift(...batch);
        length += lines.length;
        throw error;
      }
    }
  }

  async function startDay(day: string): Promise<void> {
    await mkdir(path, { recursive: true });
    // A file that can't be removed is no reason to write no more.
    await expireHistory(path, days(), clock.now()).catch(onError);
    unsure.clear();
    expiredOn = day;
  }

  async function appendLines(day: string, lines: string): Promise<void> {
    const file = await open(join(path, `${day}.${writer}.jsonl`), 'a', 0o640);
    try {
      const bytes = Buffer.from((unsure.get(day) ?? true) ? `\n${lines}` : lines);
      unsure.set(day, true);
      await file.writeFile(bytes);
      unsure.set(day, false);
    } finally {
      await file.close();
    }
  }

  return {
    append(record) {
      if (days() === 0) return;
      const line = `${JSON.stringify(record)}\n`;
      waiting.push({ day: record.time.slice(0, 10), line });
      length += line.length;
      if (length > LONGEST_BACKLOG) {
        length -= waiting.shift()?.line.length ?? 0;
        onError(new Error('The history is written faster than its disk takes it'));
      }
      // While a disk fails the timer alone tries again
      if (length >= FLUSH_LENGTH && !failing) void flush();
      else schedule();
    },
    flush,
    async close() {
      await writing;
      await flush();
      cancelTimer?.();
      cancelTimer = undefined;
    },
  };
}
