import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../queue/testing/memory-disk.ts';
import { systemRandom } from '../../random.ts';
import { TestClock } from '../../testing/test-clock.ts';
import { type StsEntry, StsStore } from './store.ts';

const entry = (domain: string, change: Partial<StsEntry> = {}): StsEntry => ({
  ...{ domain, id: 'a', fetchedAt: 1000, usedAt: 2000 },
  policy: { mode: 'enforce', maxAge: 60, mx: ['mx.test'] },
  ...change,
});

function storeOn(disk = new MemoryDisk(), most = 10) {
  const errors: Error[] = [];
  const store = new StsStore({
    ...{ path: '/sts', disk, clock: new TestClock(), random: systemRandom, most },
    onError: (error) => void errors.push(error as Error),
  });
  return { disk, store, errors };
}

async function put(disk: MemoryDisk, name: string, text: string): Promise<void> {
  const file = await disk.create(`/sts/${name}`);
  await file.write([Buffer.from(text)], 0);
  await file.close();
}

describe('policies on the volume', () => {
  it('are read as they were written, the latest of them', async () => {
    const { store, errors } = storeOn();
    await store.write(entry('d.test'));
    await store.write(entry('d.test', { id: 'b' }));
    expect(await store.read('d.test')).toEqual(entry('d.test', { id: 'b' }));
    expect(await store.read('other.test')).toBeUndefined();
    expect(errors).toEqual([]);
  });

  it('have room for names of any length', async () => {
    const { store } = storeOn();
    const domain = `${'a.'.repeat(120)}test`;
    await store.write(entry(domain));
    expect(await store.read(domain)).toEqual(entry(domain));
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"format":1,"domain":"d.test","id"'],
    ['what is another format', JSON.stringify({ format: 2, ...entry('d.test') })],
    [
      'a max_age beyond the highest',
      JSON.stringify({ format: 1, ...entry('d.test', { policy: { mode: 'enforce', maxAge: 1e9, mx: [] } }) }),
    ],
    ['another domain', JSON.stringify({ format: 1, ...entry('e.test') })],
    [
      'more than is ever written',
      JSON.stringify({ format: 1, ...entry('d.test', { id: 'a'.repeat(9000) }) }),
    ],
  ])('are ignored where a file has %s, and it is told and removed', async (_what, text) => {
    const { store, disk, errors } = storeOn();
    await store.write(entry('d.test'));
    const [name] = disk.namesOf('/sts');
    await disk.unlink(`/sts/${name}`);
    await put(disk, name!, text);
    expect(await store.read('d.test')).toBeUndefined();
    expect(errors).toHaveLength(1);
    expect(await store.sweep(() => false)).toEqual([]);
    expect(disk.namesOf('/sts')).toEqual([]);
  });

  it('are whole for who reads them, wherever the writer ends', async () => {
    for (let stopAfter = 0; stopAfter < 12; stopAfter++) {
      const disk = new MemoryDisk();
      await storeOn(disk).store.write(entry('d.test'));
      disk.stopAfter = stopAfter;
      const written = storeOn(disk).store.write(entry('d.test', { id: 'b' }));
      await Promise.race([written, disk.stopped]);
      const { store } = storeOn(disk.restart(() => 0.5));
      expect(['a', 'b', undefined]).toContain((await store.read('d.test'))?.id);
    }
  });

  it('are bounded: no more is written than there is room for, and those that were used least lately make some', async () => {
    const { store, disk } = storeOn();
    for (let index = 0; index < 15; index++) await store.write(entry(`d${index}.test`, { usedAt: index }));
    expect(disk.namesOf('/sts')).toHaveLength(10);
    const kept = await store.sweep(() => false);
    expect(kept.map(({ usedAt }) => usedAt)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(disk.namesOf('/sts')).toHaveLength(9);
  });

  it('are not written where they are too long', async () => {
    const { store, disk } = storeOn();
    const mx = Array.from({ length: 1000 }, (_, index) => `mx${index}.test`);
    await store.write(entry('d.test', { policy: { mode: 'enforce', maxAge: 60, mx } }));
    expect(await disk.exists('/sts')).toBe(false);
  });

  it('lose what is over, and drafts that are there at two looks', async () => {
    const { store, disk } = storeOn();
    await store.write(entry('over.test', { fetchedAt: 1 }));
    await store.write(entry('d.test'));
    await put(disk, `${'0'.repeat(64)}.${'a'.repeat(16)}.new`, '{');
    await put(disk, 'notes.txt', 'not ours');
    const sweep = () => store.sweep(({ fetchedAt }) => fetchedAt === 1);
    expect(await sweep()).toEqual([entry('d.test')]);
    expect(disk.namesOf('/sts')).toHaveLength(3);
    await sweep();
    expect(disk.namesOf('/sts').sort()).toEqual([expect.stringMatching(/json$/), 'notes.txt']);
  });

  it.each(['ENOSPC', 'EIO', 'EACCES', 'ESTALE'])(
    'fail with %s without a word but in the log',
    async (code) => {
      const { store, disk, errors } = storeOn();
      disk.inject = () => Object.assign(new Error(code), { code });
      await store.write(entry('d.test'));
      disk.inject = () => undefined;
      expect(await store.read('d.test')).toBeUndefined();
      expect(errors).toMatchObject([{ code }]);
    },
  );

  it('are done without where the volume does not answer', async () => {
    const { disk } = storeOn();
    const clock = new TestClock();
    const errors: Error[] = [];
    const hung = { ...disk, open: () => new Promise<never>(() => {}) } as unknown as MemoryDisk;
    const store = new StsStore({
      ...{ path: '/sts', disk: hung, clock, random: systemRandom },
      onError: (error) => void errors.push(error as Error),
    });
    const reading = store.read('d.test');
    await clock.advance(5000);
    expect(await reading).toBeUndefined();
    expect(errors).toMatchObject([{ message: 'the volume does not answer' }]);
  });
});
