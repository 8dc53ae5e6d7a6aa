/**
 * Searches the history, newest first, file by file from its end: memory is bounded by one block per writer, whatever
 * the size. A line that is damaged, or isn't a record, is skipped. Fails as its folder does.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { historyDay, namesIn } from './history.ts';
import { type Redact, redactor } from './redact.ts';
import type { HistoryQuery, HistoryRecord } from './types.ts';

const BLOCK = 64 * 1024;
/** A record is far below this; what is longer is damage, and isn't kept. */
const LONGEST_LINE = 1024 * 1024;
const LF = 0x0a;

const recordSchema = z.looseObject({
  time: z.iso.datetime(),
  id: z.string(),
  from: z.string(),
  to: z.string(),
  outcome: z.enum(['delivered', 'bounced', 'expired', 'removed', 'moved', 'taken']),
  nextHop: z.string().optional(),
  reply: z.string(),
  delayMs: z.number(),
  attempts: z.number(),
  member: z.string().optional(),
  movedAs: z.string().optional(),
  firstId: z.string().optional(),
});

/**
 * `redact` is that of the log: records hold redacted addresses where it redacts, and the query's are redacted alike.
 * At most `query.limit` records.
 */
export async function* searchHistory(
  path: string,
  query: HistoryQuery,
  redact: Redact = redactor(undefined),
): AsyncGenerator<HistoryRecord> {
  const wanted = matcher(query, redact);
  let left = query.limit;
  if (left <= 0) return;
  for (const names of await daysNewestFirst(path, query)) {
    for await (const record of mergeNewestFirst(names.map((name) => records(join(path, name), wanted)))) {
      yield record;
      if (--left <= 0) return;
    }
  }
}

/** Names of files by day, without days that `since` and `until` leave out. */
async function daysNewestFirst(path: string, query: HistoryQuery): Promise<string[][]> {
  const since = query.since === undefined ? '' : new Date(query.since).toISOString().slice(0, 10);
  const until = query.until === undefined ? '9' : new Date(query.until).toISOString().slice(0, 10);
  const days = new Map<string, string[]>();
  for (const name of await namesIn(path)) {
    const day = historyDay(name);
    if (day === undefined || day < since || day > until) continue;
    days.set(day, [...(days.get(day) ?? []), name]);
  }
  return [...days].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, names]) => names);
}

type Matcher = (line: string) => HistoryRecord | undefined;

function matcher(query: HistoryQuery, redact: Redact): Matcher {
  const fold = (address: string | undefined) =>
    address === undefined ? undefined : redact(address).toLowerCase();
  const from = fold(query.from);
  const to = fold(query.to);
  const since = query.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(query.since);
  const until = query.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.until);
  return (line) => {
    // Most lines are another message's: not worth parsing
    if (query.id !== undefined && !line.includes(query.id)) return undefined;
    const record = parseRecord(line);
    if (record === undefined) return undefined;
    if (query.id !== undefined && record.id !== query.id && record.firstId !== query.id) return undefined;
    if (from !== undefined && record.from.toLowerCase() !== from) return undefined;
    if (to !== undefined && record.to.toLowerCase() !== to) return undefined;
    const time = Date.parse(record.time);
    return time >= since && time <= until ? record : undefined;
  };
}

function parseRecord(line: string): HistoryRecord | undefined {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(line));
    return parsed.success ? (parsed.data as HistoryRecord) : undefined;
  } catch {
    return undefined;
  }
}

async function* records(path: string, wanted: Matcher): AsyncGenerator<HistoryRecord> {
  for await (const line of linesFromEnd(path)) {
    const record = wanted(line);
    if (record !== undefined) yield record;
  }
}

/** Several streams that are each newest first as one. */
async function* mergeNewestFirst(streams: AsyncGenerator<HistoryRecord>[]): AsyncGenerator<HistoryRecord> {
  try {
    const heads = await Promise.all(streams.map(async (stream) => ({ stream, head: await stream.next() })));
    for (;;) {
      let newest: (typeof heads)[number] | undefined;
      for (const one of heads) {
        if (one.head.done) continue;
        if (newest === undefined || one.head.value.time > (newest.head.value as HistoryRecord).time)
          newest = one;
      }
      if (newest === undefined) return;
      yield newest.head.value as HistoryRecord;
      newest.head = await newest.stream.next();
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  }
}

/** Lines of a file, the last one first; none of a file that has been expired meanwhile. */
export async function* linesFromEnd(path: string): AsyncGenerator<string> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    let position = (await file.stat()).size;
    /** The start of a line whose end has been read; undefined where it is longer than any record. */
    let tail: Buffer | undefined = Buffer.alloc(0);
    while (position > 0) {
      const length = Math.min(BLOCK, position);
      position -= length;
      const block = Buffer.alloc(length);
      const { bytesRead } = await file.read(block, 0, length, position);
      let end = bytesRead;
      for (;;) {
        const lf: number = end === 0 ? -1 : block.lastIndexOf(LF, end - 1);
        if (lf < 0) break;
        if (tail !== undefined && (end > lf + 1 || tail.length > 0)) {
          yield Buffer.concat([block.subarray(lf + 1, end), tail]).toString();
        }
        tail = Buffer.alloc(0);
        end = lf;
      }
      if (tail !== undefined) {
        tail = tail.length + end > LONGEST_LINE ? undefined : Buffer.concat([block.subarray(0, end), tail]);
      }
    }
    if (tail !== undefined && tail.length > 0) yield tail.toString();
  } finally {
    await file.close();
  }
}
