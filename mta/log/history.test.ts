import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { createHistoryWriter, type HistoryWriter } from './history.ts';
import { redactor } from './redact.ts';
import { linesFromEnd, searchHistory } from './search.ts';
import type { HistoryQuery, HistoryRecord } from './types.ts';

let folder: string;
let now: number;
let timers: (() => void)[];
let errors: Error[];

const clock: Clock = {
  now: () => now,
  monotonic: () => now,
  after(_ms, callback) {
    timers.push(callback);
    return () => {
      timers = timers.filter((timer) => timer !== callback);
    };
  },
  soon: setImmediate,
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postrider-history-'));
  now = Date.parse('2026-11-22T12:00:00Z');
  timers = [];
  errors = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const writerOf = (writer: string, days = 7, path = folder): HistoryWriter =>
  createHistoryWriter({ path, days: () => days, writer, clock, onError: (error) => errors.push(error) });

const record = (id: string, more: Partial<HistoryRecord> = {}): HistoryRecord => ({
  time: new Date(now).toISOString(),
  id,
  from: 'anna@example.test',
  to: 'ben@example.org',
  outcome: 'delivered',
  reply: '250 2.0.0 Ok',
  delayMs: 40,
  attempts: 1,
  ...more,
});

const search = (query: Partial<HistoryQuery> = {}, redact = redactor(undefined)) =>
  Array.fromAsync(searchHistory(folder, { limit: 100, ...query }, redact));
const ids = async (query: Partial<HistoryQuery> = {}) => (await search(query)).map(({ id }) => id);

describe('the history', () => {
  it('is found again, newest first, over days and writers', async () => {
    const [one, two] = [writerOf('w1'), writerOf('w2')];
    for (let i = 0; i < 6; i++) {
      (i % 2 === 0 ? one : two).append(record(`m${i}`));
      now += 5 * 3_600_000;
    }
    await Promise.all([one.close(), two.close()]);
    expect(readdirSync(folder).sort()).toEqual([
      '2026-11-22.w1.jsonl',
      '2026-11-22.w2.jsonl',
      '2026-11-23.w1.jsonl',
      '2026-11-23.w2.jsonl',
    ]);
    expect(await ids()).toEqual(['m5', 'm4', 'm3', 'm2', 'm1', 'm0']);
    expect(await ids({ limit: 2 })).toEqual(['m5', 'm4']);
    expect(await ids({ since: '2026-11-22T17:00:00Z', until: '2026-11-23T08:00:00+01:00' })).toEqual([
      'm3',
      'm2',
      'm1',
    ]);
    expect(errors).toEqual([]);
  });

  it('is searched by id, and by address without regard to case', async () => {
    const writer = writerOf('w1');
    writer.append(record('m1'));
    writer.append(record('m10', { to: 'Eve@Example.org' }));
    writer.append(record('m2', { from: '', to: '"m1 x"@example.org' }));
    await writer.close();
    expect(await ids({ id: 'm1' })).toEqual(['m1']);
    expect(await ids({ to: 'eve@EXAMPLE.org' })).toEqual(['m10']);
    expect(await ids({ from: '' })).toEqual(['m2']);
    expect(await ids({ from: 'anna@example.test', to: 'ben@example.org' })).toEqual(['m1']);
    expect(await search({ id: 'm1' })).toEqual([record('m1')]);
  });

  it('finds redacted addresses by the address', async () => {
    const redact = redactor(Buffer.from('key'));
    const writer = writerOf('w1');
    writer.append(record('m1', { to: redact('ben@example.org') }));
    await writer.close();
    expect(await search({ to: 'BEN@example.org' }, redact)).toHaveLength(1);
    expect(await search({ to: 'other@example.org' }, redact)).toHaveLength(0);
  });

  it('is written without being asked, after half a second', async () => {
    const writer = writerOf('w1');
    writer.append(record('m1'));
    expect(readdirSync(folder)).toEqual([]);
    expect(timers).toHaveLength(1);
    timers[0]?.();
    await writer.flush();
    expect(await ids()).toEqual(['m1']);
    await writer.close();
  });

  it('skips what is damaged, and what a crash has left unfinished', async () => {
    const before = writerOf('w1');
    before.append(record('m1'));
    await before.close();
    const file = join(folder, '2026-11-22.w1.jsonl');
    appendFileSync(file, 'garbage\n{"id":"m1"}\n\0\0\0\n{"time":"2026-11-22T12:00:00.000Z","id":"m1","fr');
    const after = writerOf('w1');
    after.append(record('m2'));
    await after.close();
    appendFileSync(file, JSON.stringify(record('half')).slice(0, -4));
    expect(await ids()).toEqual(['m2', 'm1']);
  });

  it('takes no other file for its own', async () => {
    writeFileSync(join(folder, 'redaction.key'), 'secret');
    writeFileSync(join(folder, '2026-11-22.jsonl'), `${JSON.stringify(record('foreign'))}\n`);
    expect(await ids()).toEqual([]);
    expect(await Array.fromAsync(searchHistory(join(folder, 'none'), { limit: 1 }))).toEqual([]);
  });

  it('forgets days that are over', async () => {
    for (const day of ['2026-11-14', '2026-11-15', '2026-11-16'])
      writeFileSync(join(folder, `${day}.w9.jsonl`), '');
    const writer = writerOf('w1', 7);
    writer.append(record('m1'));
    await writer.flush();
    expect(readdirSync(folder).sort()).toEqual([
      '2026-11-15.w9.jsonl',
      '2026-11-16.w9.jsonl',
      '2026-11-22.w1.jsonl',
    ]);
    now += 86_400_000;
    writer.append(record('m2'));
    await writer.close();
    expect(readdirSync(folder)).not.toContain('2026-11-15.w9.jsonl');
  });

  it('goes on where a day that is over can’t be removed, and says so', async () => {
    mkdirSync(join(folder, '2026-01-01.w9.jsonl'));
    const writer = writerOf('w1', 7);
    writer.append(record('m1'));
    await writer.close();
    expect(readFileSync(join(folder, '2026-11-22.w1.jsonl'), 'utf8')).toContain('"m1"');
    expect(errors).toHaveLength(1);
  });

  it('waits for a disk that fails, says so, and writes when it can', async () => {
    const path = join(folder, 'blocked');
    writeFileSync(path, 'a file where the folder should be');
    const writer = writerOf('w1', 7, path);
    writer.append(record('m1'));
    await writer.flush();
    expect(errors).toHaveLength(1);
    expect(timers).toHaveLength(1);
    rmSync(path);
    writer.append(record('m2'));
    await writer.close();
    const found = await Array.fromAsync(searchHistory(path, { limit: 10 }));
    expect(found.map(({ id }) => id).sort()).toEqual(['m1', 'm2']);
  });

  it('keeps a bounded backlog of the newest', async () => {
    const path = join(folder, 'blocked');
    writeFileSync(path, '');
    const writer = writerOf('w1', 7, path);
    const large = 'x'.repeat(1000);
    for (let i = 0; i < 6000; i++) writer.append(record(`m${i}`, { reply: large }));
    await writer.flush();
    expect(errors.length).toBeGreaterThan(1000);
    rmSync(path);
    await writer.close();
    const kept = await Array.fromAsync(searchHistory(path, { limit: 10_000 }));
    expect(kept.length).toBeLessThan(4000);
    expect(kept[0]?.id).toBe('m5999');
  });

  it('loses none of many appends between flushes', async () => {
    const writer = writerOf('w1');
    for (let i = 0; i < 5000; i++) {
      writer.append(record(`m${i}`));
      if (i % 1000 === 0) await writer.flush();
    }
    await writer.close();
    const lines = readFileSync(join(folder, '2026-11-22.w1.jsonl'), 'utf8').split('\n').filter(Boolean);
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(Array.from({ length: 5000 }, (_, i) => `m${i}`));
  });
});

describe('linesFromEnd', () => {
  it('gives every line of a file backwards, wherever blocks end', async () => {
    const path = join(folder, 'lines');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 90_000 })), { maxLength: 8 }),
        fc.boolean(),
        async (lengths, ended) => {
          const lines = lengths.map((length, i) => String(i).padEnd(length, 'é'));
          writeFileSync(path, lines.join('\n') + (ended ? '\n' : ''));
          expect(await Array.fromAsync(linesFromEnd(path))).toEqual(lines.reverse());
        },
      ),
      { numRuns: 40 },
    );
  });

  it('passes over a line that is longer than any record', async () => {
    const path = join(folder, 'lines');
    writeFileSync(path, `first\n${'x'.repeat(3_000_000)}\nlast\n`);
    expect(await Array.fromAsync(linesFromEnd(path))).toEqual(['last', 'first']);
  });
});
