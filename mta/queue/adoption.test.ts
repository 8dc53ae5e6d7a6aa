/** Lanes and their owners: who may claim, who wins, and what the loser does. */
import { describe, expect, it } from 'vitest';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { diskError, MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  contentOf,
  DELIVERED,
  deferredUntil,
  openTestQueue,
  type TestQueue,
} from './testing/test-queue.ts';

const idsOf = ({ queue }: TestQueue): string[] => [...queue.entries()].map(({ id }) => id);

describe('adoption', () => {
  it('claims a released lane at once, and makes no new one', async () => {
    const first = await openTestQueue();
    const id = await accept(first.queue, 'message');
    await first.queue.release();
    const second = await openTestQueue({ disk: first.disk, seed: 2, othersGone: false });
    expect(idsOf(second)).toEqual([id]);
    expect(second.queue.counts().lanes).toBe(1);
  });

  it('claims the lane of a dead owner on this host at once', async () => {
    const first = await openTestQueue();
    const id = await accept(first.queue, 'message');
    const second = await openTestQueue({ disk: first.disk.reopen(), seed: 2, othersGone: true });
    expect(idsOf(second)).toEqual([id]);
  });

  it('leaves a living owner alone, however long it is idle', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    const first = await openTestQueue({ disk, clock, othersGone: false });
    const id = await accept(first.queue, 'message');
    const second = await openTestQueue({ disk, clock, seed: 2, othersGone: false });
    for (let i = 0; i < 60; i += 1) await clock.advance(1000);
    expect(first.queue.owns(id)).toBe(true);
    expect(idsOf(second)).toEqual([]);
    await accept(first.queue, 'another');
  });

  it('claims a lane whose lease has not changed for a term, and no earlier', async () => {
    const first = await openTestQueue();
    const id = await accept(first.queue, 'message');
    const second = await openTestQueue({ disk: first.disk.reopen(), seed: 2, othersGone: false });
    const arrived: string[] = [];
    second.queue.onArrival((entry) => arrived.push(entry.id));
    await second.clock.advance(9000);
    expect(idsOf(second)).toEqual([]);
    await second.clock.advance(7000);
    expect(arrived).toEqual([id]);
    expect((await contentOf(second.queue, id))?.toString()).toBe('message');
  });

  it('has one winner where several race for a lane', async () => {
    const first = await openTestQueue();
    const id = await accept(first.queue, 'message');
    const disk = first.disk.reopen();
    const racers = await Promise.all(
      [2, 3, 4, 5].map((seed) => openTestQueue({ disk, seed, othersGone: false })),
    );
    await Promise.all(racers.map(({ clock }) => clock.advance(25_000)));
    expect(racers.filter((racer) => racer.queue.entry(id))).toHaveLength(1);
  });

  it('shares several lanes among workers that start together', async () => {
    const disk = new MemoryDisk();
    const first = await Promise.all([1, 2, 3, 4].map((seed) => openTestQueue({ disk, seed })));
    for (const { queue } of first) await accept(queue, 'message');
    await Promise.all(first.map(({ queue }) => queue.release()));
    const workers = await Promise.all([5, 6].map((seed) => openTestQueue({ disk, seed, othersGone: false })));
    for (let i = 0; i < 20; i += 1) {
      await Promise.all(workers.map(({ clock }) => clock.advance(100)));
    }
    const shares = workers.map(({ queue }) => queue.counts().lanes);
    expect(shares.reduce((a, b) => a + b)).toBe(4);
    expect(Math.max(...shares)).toBeLessThan(4);
  });

  it('removes an adopted lane when it is empty', async () => {
    const disk = new MemoryDisk();
    const first = await Promise.all([1, 2].map((seed) => openTestQueue({ disk, seed })));
    for (const { queue } of first) await accept(queue, 'message');
    await Promise.all(first.map(({ queue }) => queue.release()));
    const second = await openTestQueue({ disk, seed: 3, othersGone: false });
    await second.clock.advance(20_000);
    expect(second.queue.counts().lanes).toBe(2);
    for (const id of idsOf(second)) await second.queue.settle(id, DELIVERED);
    await second.clock.advance(20_000);
    expect(await disk.list('/queue/lanes')).toHaveLength(1);
    await accept(second.queue, 'home is still there');
  });
});

describe('a lane that is being removed', () => {
  async function twoLanes(): Promise<TestQueue> {
    const disk = new MemoryDisk();
    const first = await Promise.all([1, 2].map((seed) => openTestQueue({ disk, seed })));
    for (const { queue } of first) await accept(queue, 'message');
    await Promise.all(first.map(({ queue }) => queue.release()));
    const second = await openTestQueue({ disk, seed: 3, othersGone: false });
    await second.clock.advance(20_000);
    return second;
  }

  it('finishes the removal that a dead owner had begun', async () => {
    const second = await twoLanes();
    for (const id of idsOf(second)) await second.queue.settle(id, DELIVERED);
    // The last step before the machine stops: the lease is retired, the folder has its name.
    second.disk.inject = ({ operation, path }) =>
      operation === 'rename' && path.endsWith('.retired') ? diskError('EIO', { operation, path }) : undefined;
    await second.clock.advance(6000);
    const disk = second.disk.reopen();
    expect(await disk.list('/queue/lanes')).toHaveLength(2);
    const third = await openTestQueue({ disk, seed: 4, othersGone: true });
    const id = await accept(third.queue, 'new mail');
    await third.clock.advance(60_000);
    expect(await disk.list('/queue/lanes')).toEqual([id.split('-')[0]]);
    expect(third.queue.entry(id)).toBeDefined();
  });

  it('deletes what is left of a retired lane', async () => {
    const second = await twoLanes();
    for (const id of idsOf(second)) await second.queue.settle(id, DELIVERED);
    second.disk.inject = ({ operation, path }) =>
      operation === 'unlink' && path.includes('.retired/')
        ? diskError('EIO', { operation, path })
        : undefined;
    await second.clock.advance(6000);
    expect((await second.disk.list('/queue/lanes')).some((name) => name.endsWith('.retired'))).toBe(true);
    second.disk.inject = () => undefined;
    await second.clock.advance(6000);
    expect(await second.disk.list('/queue/lanes')).toHaveLength(1);
  });
});

describe('an owner whose lane was claimed', () => {
  it('answers no 250, forgets what it lost, and goes on in a new lane', async () => {
    const disk = new MemoryDisk();
    const ghost = await openTestQueue({ disk, othersGone: false });
    const id = await accept(ghost.queue, 'message');
    const adopter = await openTestQueue({ disk, seed: 2, othersGone: true });
    expect(idsOf(adopter)).toEqual([id]);
    await expect(accept(ghost.queue, 'too late')).rejects.toMatchObject({ code: 451 });
    expect(ghost.queue.entry(id)).toBeUndefined();
    expect(ghost.queue.owns(id)).toBe(false);
    await ghost.clock.advance(1);
    await settleDown();
    const other = await accept(ghost.queue, 'in a new lane');
    expect(other.split('-')[0]).not.toBe(id.split('-')[0]);
  });

  it('can append nothing that counts', async () => {
    const disk = new MemoryDisk();
    const ghost = await openTestQueue({ disk, othersGone: false });
    const id = await accept(ghost.queue, 'message');
    await openTestQueue({ disk, seed: 2, othersGone: true });
    await expect(ghost.queue.settle(id, DELIVERED)).rejects.toMatchObject({ code: 451 });
    const third = await openTestQueue({ disk, seed: 3, othersGone: true });
    expect(third.queue.entry(id)).toBeDefined();
  });

  it('finds out by itself where it is idle', async () => {
    const disk = new MemoryDisk();
    const ghost = await openTestQueue({ disk, othersGone: false });
    const id = await accept(ghost.queue, 'message');
    await openTestQueue({ disk, seed: 2, othersGone: true });
    expect(ghost.queue.owns(id)).toBe(true);
    await ghost.clock.advance(2500);
    expect(ghost.queue.owns(id)).toBe(false);
  });

  it('is told so of what was being written when it found out', async () => {
    const ghost = await openTestQueue({ othersGone: false });
    const id = await accept(ghost.queue, 'message');
    let goOn: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { create } = ghost.disk;
    ghost.disk.create = async (path) => {
      const file = await create.call(ghost.disk, path);
      return { ...file, sync: () => slow.then(() => file.sync()) };
    };
    const settled = ghost.queue.settle(id, deferredUntil(1, 1)).catch((error: unknown) => error);
    const large = accept(ghost.queue, 'rolls', Buffer.alloc(1900));
    const more = [1, 2, 3, 4].map((i) => accept(ghost.queue, `${i}`, Buffer.alloc(1900)));
    const refused = Promise.allSettled([large, ...more]);
    await settleDown();
    ghost.disk.create = create;
    await openTestQueue({ disk: ghost.disk, seed: 2, othersGone: true });
    await ghost.clock.advance(10_000);
    goOn();
    expect(await settled).toMatchObject({ code: 451 });
    expect((await refused).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
  });

  it('is not sure of owning it a term after its last renewal', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'message');
    test.disk.stopAfter = 0;
    await test.clock.advance(10_000);
    expect(test.queue.owns(id)).toBe(false);
  });
});
