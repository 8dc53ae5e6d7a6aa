/** Lanes that are let go: who hears of it, by what way, and how soon. */
import { describe, expect, it } from 'vitest';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { accept, openTestQueue, type TestQueue } from './testing/test-queue.ts';
import type { LaneRelease } from './types.ts';

const idsOf = ({ queue }: TestQueue): string[] => [...queue.entries()].map(({ id }) => id);

async function fleet(size: number): Promise<{ disk: MemoryDisk; clock: TestClock; workers: TestQueue[] }> {
  const disk = new MemoryDisk();
  const clock = new TestClock();
  const workers: TestQueue[] = [];
  for (let seed = 1; seed <= size; seed += 1) {
    workers.push(await openTestQueue({ disk, clock, seed, othersGone: false }));
  }
  return { disk, clock, workers };
}

/** Releases a worker's lanes while the listings that others make stay as they were. */
async function releaseBehindOldListings(disk: MemoryDisk, from: TestQueue): Promise<LaneRelease[]> {
  const { list } = disk;
  const old = new Map<string, string[]>();
  disk.list = async (path) => {
    const names = old.get(path) ?? (await list.call(disk, path));
    old.set(path, names);
    return names;
  };
  for (const path of ['/queue/released', '/queue/lanes']) await disk.list(path);
  for (const lane of await disk.list('/queue/lanes')) await disk.list(`/queue/lanes/${lane}`);
  const releases: LaneRelease[] = [];
  from.queue.onReleased((release) => releases.push(release));
  await from.queue.release();
  return releases;
}

describe('a lane that is let go', () => {
  it('is found on the volume within a second', async () => {
    const { clock, workers } = await fleet(2);
    const [first, second] = workers as [TestQueue, TestQueue];
    const id = await accept(first.queue, 'message');
    await clock.advance(5000);
    await first.queue.release();
    await clock.advance(1000);
    expect(idsOf(second)).toEqual([id]);
  });

  it('is claimed by its notice alone where every listing is old', async () => {
    const { disk, clock, workers } = await fleet(2);
    const [first, second] = workers as [TestQueue, TestQueue];
    const id = await accept(first.queue, 'message');
    const [release] = await releaseBehindOldListings(disk, first);
    await clock.advance(5000);
    expect(idsOf(second)).toEqual([]);
    second.queue.noticed(release!);
    await clock.advance(500);
    expect(idsOf(second)).toEqual([id]);
  });

  it('is left alone for a term by those who are not meant', async () => {
    const { workers } = await fleet(2);
    const [first, second] = workers as [TestQueue, TestQueue];
    const id = await accept(first.queue, 'message');
    let release: LaneRelease | undefined;
    first.queue.onReleased((each) => {
      release = each;
    });
    await first.queue.release();
    const meant = { ...release!, to: 'aaaaaaaaaaaa' };
    second.queue.noticed(meant);
    expect(meant.to).not.toBe(second.queue.worker);
    await settleDown();
    expect(idsOf(second)).toEqual([]);
    second.queue.noticed({ ...release!, to: second.queue.worker });
    await settleDown();
    expect(idsOf(second)).toEqual([id]);
  });

  it('is left to others by who is going to stop too', async () => {
    const { clock, workers } = await fleet(3);
    const [first, second, third] = workers as [TestQueue, TestQueue, TestQueue];
    const id = await accept(first.queue, 'message');
    first.queue.onReleased((release) => second.queue.noticed(release));
    second.queue.adoptNoMore();
    await first.queue.release();
    await clock.advance(2000);
    expect(idsOf(second)).toEqual([]);
    expect(idsOf(third)).toEqual([id]);
    await accept(second.queue, 'its own lane is as it was');
  });

  it('leaves no marker behind when it has been adopted', async () => {
    const { disk, clock, workers } = await fleet(2);
    await accept(workers[0]!.queue, 'message');
    await workers[0]!.queue.release();
    expect(await disk.list('/queue/released')).toHaveLength(1);
    await clock.advance(2000);
    expect(await disk.list('/queue/released')).toEqual([]);
  });

  it('costs nobody anything where its notice is old', async () => {
    const { clock, workers } = await fleet(3);
    const [first, second, third] = workers as [TestQueue, TestQueue, TestQueue];
    const id = await accept(first.queue, 'message');
    let release: LaneRelease | undefined;
    first.queue.onReleased((each) => {
      release = each;
    });
    await first.queue.release();
    second.queue.noticed({ ...release!, to: second.queue.worker });
    await settleDown();
    third.queue.noticed(release!);
    third.queue.noticed({ lane: 'aaaaaaaaaaaa', lease: 'lease.1.a.1.0' });
    third.queue.noticed({ lane: '../../elsewhere', lease: 'no lease' });
    await clock.advance(20_000);
    expect(second.queue.owns(id)).toBe(true);
    expect(third.queue.counts().lanes).toBe(1);
  });
});

describe('the lanes of several that stop together', () => {
  it('are spread over the survivors', async () => {
    const { clock, workers } = await fleet(9);
    const survivors = workers.slice(0, 3);
    for (const { queue } of workers) await accept(queue, 'message');
    for (const { queue } of workers.slice(3)) {
      queue.onReleased((release) => {
        for (const survivor of survivors) survivor.queue.noticed(release);
      });
    }
    await Promise.all(workers.slice(3).map(({ queue }) => queue.release()));
    await clock.advance(1000);
    expect(survivors.map(({ queue }) => queue.counts().lanes)).toEqual([3, 3, 3]);
  });
});

describe('a machine that dies', () => {
  it('has its lanes adopted within a term and five seconds, spread over the survivors', async () => {
    const term = 10_000;
    for (const unlucky of [0, 700, 1300, 2400]) {
      const { disk, clock, workers } = await fleet(3);
      // Their clocks stand still: nothing renews, nothing looks.
      const dying: TestQueue[] = [];
      for (const seed of [4, 5]) dying.push(await openTestQueue({ disk, seed, othersGone: false }));
      const ids = [];
      for (const { queue } of dying) ids.push(await accept(queue, 'message'));
      await clock.advance(unlucky);
      for (const { queue } of dying) ids.push(await accept(queue, 'last words'));
      await clock.advance(term);
      expect(workers.flatMap(idsOf)).toEqual([]);
      await clock.advance(4000);
      expect(workers.flatMap(idsOf).sort()).toEqual(ids.sort());
      expect(workers.map(({ queue }) => queue.counts().lanes).sort()).toEqual([1, 2, 2]);
    }
  });
});

describe('a lane that is made while its process stops', () => {
  it('is let go with the others', async () => {
    const { disk, clock, queue } = await openTestQueue({ othersGone: false });
    const taker = await openTestQueue({ disk, clock, seed: 2, othersGone: false });
    const held = holdNext(disk, 'syncDirectory', (path) => path === '/queue/lanes');
    const given = queue.giveAway(queue.home()!, taker.queue.worker);
    await held.reached;
    const released = queue.release();
    await settleDown();
    held.go();
    await Promise.all([given, released]);
    await settleDown();
    for (let i = 0; i < 10; i += 1) await clock.advance(400);
    expect(await disk.list('/queue/lanes')).toEqual([taker.queue.home()]);
  });
});
