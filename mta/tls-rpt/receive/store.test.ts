import { describe, expect, it } from 'vitest';
import { diskError, MemoryDisk } from '../../queue/testing/memory-disk.ts';
import { systemRandom } from '../../random.ts';
import { TestClock } from '../../testing/test-clock.ts';
import type { PutResult } from './bounds.ts';
import { DAY_MS, type Entry } from './entry.ts';
import { ReportStore } from './store.ts';

const DAY = 20_000;
const at = (day: number): number => day * DAY_MS + DAY_MS / 2;
const identity = (n: number): string => n.toString(16).padStart(64, '0');

const entry = (change: Partial<Entry> = {}): Entry => ({
  ...{ domain: 'ours.test', organization: 'Google Inc.', reportId: 'r1', via: 'mail' },
  ...{ start: DAY * DAY_MS, end: (DAY + 1) * DAY_MS - 1000, receivedAt: at(DAY + 1) },
  ...{ successful: 7, failed: 3 },
  failures: [{ resultType: 'certificate-expired', host: 'mx.ours.test', reason: 'late', sessions: 3 }],
  ...change,
});
const onDay = (day: number): Partial<Entry> => ({ start: day * DAY_MS, end: (day + 1) * DAY_MS - 1000 });

type Put = [entry: Entry, identity: string];

async function putOne(store: ReportStore, put: Entry, identity: string): Promise<PutResult | undefined> {
  let result: PutResult | undefined;
  await store.put([{ entry: put, identity }], (_, became) => {
    result = became;
  });
  return result;
}

const calls = (store: ReportStore) => ({
  entries: (days: number) => store.entries(days),
  sweep: () => store.sweep(),
});

function storeOn(disk = new MemoryDisk(), day = DAY + 1) {
  const errors: Error[] = [];
  const clock = new TestClock();
  const started = clock.monotonic();
  clock.now = () => at(day) + clock.monotonic() - started;
  const store = new ReportStore({
    ...{ path: '/reports', disk, clock, random: systemRandom },
    onError: (error) => void errors.push(error as Error),
  });
  return {
    disk,
    store: { ...calls(store), put: (...what: Put) => putOne(store, ...what) },
    errors,
    clock,
    whole: store,
  };
}

describe('reports on the volume', () => {
  it('are there as they were put, for whoever sees it', async () => {
    const { disk, store, errors } = storeOn();
    expect(await store.put(entry(), identity(1))).toBe('kept');
    const plain = entry({ domain: 'alias.test', failures: [{ resultType: 'other', sessions: 1 }] });
    expect(await store.put(plain, identity(2))).toBe('kept');
    const other = storeOn(disk).store;
    expect(await other.entries(7)).toEqual(expect.arrayContaining([entry(), plain]));
    expect(await other.entries(7)).toHaveLength(2);
    expect(errors).toEqual([]);
    expect(disk.namesOf('/reports').every((name) => name.endsWith('.json'))).toBe(true);
  });

  it('are counted once, whoever puts them, and whatever day they say', async () => {
    const { disk, store } = storeOn();
    await store.put(entry(), identity(1));
    expect(await store.put(entry(), identity(1))).toBe('duplicate');
    expect(await storeOn(disk).store.put(entry({ successful: 1000 }), identity(1))).toBe('duplicate');
    expect(await store.put(entry(onDay(DAY - 3)), identity(1))).toBe('duplicate');
    expect(await store.entries(7)).toEqual([entry()]);
  });

  it('are kept by exactly one of many who put the same at once', async () => {
    const disk = new MemoryDisk();
    const writers = Array.from({ length: 8 }, () => storeOn(disk).store);
    const results = await Promise.all(writers.map((store) => store.put(entry(), identity(1))));
    expect(results.filter((result) => result === 'kept')).toHaveLength(1);
    expect(results.filter((result) => result === 'duplicate')).toHaveLength(7);
    expect(disk.namesOf('/reports')).toHaveLength(1);
  });

  it('lose none of many who put others at once', async () => {
    const disk = new MemoryDisk();
    const puts = Array.from({ length: 30 }, (_, n) => storeOn(disk).store.put(entry(), identity(n)));
    expect(new Set(await Promise.all(puts))).toEqual(new Set(['kept']));
    expect(await storeOn(disk).store.entries(7)).toHaveLength(30);
  });

  it('are there after any crash, once they are said to be, and whole', async () => {
    for (let stopAfter = 0; stopAfter < 14; stopAfter += 1) {
      for (const fraction of [0, 0.5, 0.99]) {
        const disk = new MemoryDisk();
        disk.stopAfter = stopAfter;
        const kept = await Promise.race([
          storeOn(disk).store.put(entry(), identity(1)),
          disk.stopped.then(() => 'stopped'),
        ]);
        const found = await storeOn(disk.restart(() => fraction)).store.entries(7);
        if (kept === 'kept' || found.length > 0) expect(found).toEqual([entry()]);
      }
    }
  });

  it('are bounded for each domain and day, so that a flood spoils nothing else', async () => {
    const { store } = storeOn();
    for (let n = 0; n < 200; n += 1) await store.put(entry(), identity(n));
    expect(await store.put(entry(), identity(200))).toBe('tooMany');
    expect(await store.put(entry(onDay(DAY - 1)), identity(200))).toBe('kept');
    expect(await store.put(entry({ domain: 'alias.test' }), identity(200))).toBe('kept');
  });

  it('are given for as many days as are asked for', async () => {
    const { store } = storeOn();
    for (const [n, day] of [DAY + 1, DAY, DAY - 5, DAY - 6].entries()) {
      await store.put(entry(onDay(day)), identity(n));
    }
    expect((await store.entries(1)).length).toBe(1);
    expect((await store.entries(7)).length).toBe(3);
    expect((await store.entries(30)).length).toBe(4);
  });

  it('are read once', async () => {
    const { store, disk } = storeOn();
    await store.put(entry(), identity(1));
    await store.entries(7);
    let opened = 0;
    disk.open = async () => {
      opened += 1;
      throw new Error('opened');
    };
    expect(await store.entries(7)).toEqual([entry()]);
    expect(opened).toBe(0);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"format":1,"domain"'],
    ['another format', JSON.stringify({ format: 2, ...entry() })],
    ['another domain', JSON.stringify({ format: 1, ...entry({ domain: 'other.test' }) })],
    ['more than is ever written', JSON.stringify({ format: 1, ...entry({ reportId: 'a'.repeat(40_000) }) })],
  ])('are ignored where a file has %s, and it is told once', async (_what, text) => {
    const { store, disk, errors } = storeOn();
    await store.put(entry(), identity(1));
    await store.put(entry(), identity(2));
    const [name] = disk.namesOf('/reports');
    disk.damage(`/reports/${name}`, () => Buffer.from(text));
    expect(await store.entries(7)).toHaveLength(1);
    expect(await store.entries(7)).toHaveLength(1);
    expect(errors.map(({ message }) => message)).toEqual([`/reports/${name} is damaged, and is ignored`]);
  });

  it('are not seen under names that are not theirs', async () => {
    const { store, disk, errors } = storeOn();
    await store.put(entry(), identity(1));
    for (const name of ['20000.x.json', 'lost+found', '.nfs0001']) await disk.create(`/reports/${name}`);
    expect(await store.entries(30)).toHaveLength(1);
    await store.sweep();
    expect(disk.namesOf('/reports')).toHaveLength(4);
    expect(errors).toEqual([]);
  });

  it('are removed when they are old, as are drafts of who is gone', async () => {
    const { store, disk } = storeOn();
    await store.put(entry(onDay(DAY - 28)), identity(1));
    await store.put(entry(onDay(DAY)), identity(2));
    const [name] = disk.namesOf('/reports');
    await disk.create(`/reports/${name!.replace('.json', `.${'0'.repeat(16)}.new`)}`);
    await store.sweep();
    expect(disk.namesOf('/reports')).toHaveLength(3);
    await store.sweep();
    expect(disk.namesOf('/reports')).toHaveLength(2);
    await storeOn(disk, DAY + 2).store.sweep();
    expect(await store.entries(30)).toEqual([entry()]);
  });

  it.each(['ENOSPC', 'EIO', 'EACCES', 'ESTALE'])('fail with %s where they can not be put', async (code) => {
    for (const operation of ['makeDirectory', 'create', 'write', 'sync', 'link', 'syncDirectory']) {
      const { store, disk } = storeOn();
      disk.inject = (step) => (step.operation === operation ? diskError(code, step) : undefined);
      await expect(store.put(entry(), identity(1))).rejects.toMatchObject({ code });
      disk.inject = () => undefined;
      expect(['kept', 'duplicate']).toContain(await store.put(entry(), identity(1)));
      expect(await store.entries(7)).toEqual([entry()]);
    }
  });

  it('are put in one go where a report is about several domains, and each is told of', async () => {
    const { whole, store, disk } = storeOn();
    await store.put(entry(), identity(1));
    let listed = 0;
    const list = disk.list.bind(disk);
    disk.list = (path) => {
      listed += 1;
      return list(path);
    };
    const told: [string, PutResult][] = [];
    await whole.put(
      ['ours.test', 'b.test', 'b.test', 'c.test'].map((domain) => ({
        ...{ entry: entry({ domain }), identity: identity(1) },
      })),
      ({ domain }, result) => void told.push([domain, result]),
    );
    expect(listed).toBe(1);
    expect(told).toEqual([
      ['ours.test', 'duplicate'],
      ['b.test', 'kept'],
      ['b.test', 'duplicate'],
      ['c.test', 'kept'],
    ]);
    expect(await store.entries(7)).toHaveLength(3);
  });

  it('fail where the volume does not answer', async () => {
    const { store, disk, clock } = storeOn();
    disk.list = () => new Promise(() => {});
    const put = expect(store.put(entry(), identity(1))).rejects.toThrow('the volume does not answer');
    await clock.advance(10_000);
    await put;
  });

  it('are put where somebody has removed the folder', async () => {
    const { store, disk } = storeOn();
    await store.put(entry(), identity(1));
    for (const name of disk.namesOf('/reports')) await disk.unlink(`/reports/${name}`);
    await disk.removeDirectory('/reports');
    expect(await store.put(entry(), identity(2))).toBe('kept');
    expect(await storeOn(disk.restart(() => 0)).store.entries(7)).toEqual([entry()]);
  });

  it('are none where there has never been one', async () => {
    const { store } = storeOn();
    expect(await store.entries(7)).toEqual([]);
    await store.sweep();
  });
});
