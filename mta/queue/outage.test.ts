/** The volume goes away, for a while or for some of its users: what is answered meanwhile, and who has what afterwards. */
import { describe, expect, it } from 'vitest';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { countingDisk } from './counting-disk.ts';
import type { Disk, DiskFile } from './disk.ts';
import { type LaneQueue, openQueue } from './queue.ts';
import { holdNext } from './testing/held-step.ts';
import { diskError, MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  contentOf,
  DELIVERED,
  depsOf,
  type LogLine,
  openTestQueue,
  TEST_CONFIG,
  type TestQueue,
} from './testing/test-queue.ts';

const TERM_MS = 10_000;
const idsOf = (queue: LaneQueue): string[] => [...queue.entries()].map(({ id }) => id);

async function two(): Promise<{ disk: MemoryDisk; clock: TestClock; first: TestQueue; second: TestQueue }> {
  const disk = new MemoryDisk();
  const clock = new TestClock();
  const first = await openTestQueue({ disk, clock, othersGone: false });
  const second = await openTestQueue({ disk, clock, seed: 2, othersGone: false });
  return { disk, clock, first, second };
}

/** A disk whose operations wait first, as the gate says. */
function behind(gate: (path: string) => Promise<void>, disk: Disk): Disk {
  const gated = (file: DiskFile, path: string): DiskFile => ({
    write: (buffers, position) => gate(path).then(() => file.write(buffers, position)),
    read: (target, position) => gate(path).then(() => file.read(target, position)),
    sync: () => gate(path).then(() => file.sync()),
    size: () => gate(path).then(() => file.size()),
    close: () => gate(path).then(() => file.close()),
  });
  const plain = countingDisk(disk, () => undefined);
  return {
    ...plain,
    create: (path, options) => gate(path).then(async () => gated(await plain.create(path, options), path)),
    open: (path) => gate(path).then(async () => gated(await plain.open(path), path)),
    rename: (from, to) => gate(from).then(() => plain.rename(from, to)),
    list: (path) => gate(path).then(() => plain.list(path)),
    exists: (path) => gate(path).then(() => plain.exists(path)),
    makeDirectory: (path) => gate(path).then(() => plain.makeDirectory(path)),
    syncDirectory: (path) => gate(path).then(() => plain.syncDirectory(path)),
  };
}

/** A disk whose operations never come back while it hangs, but for those that had. */
function hanging(disk: Disk): { disk: Disk; hang(fits: (path: string) => boolean): void; goOn(): void } {
  let fits = (_path: string): boolean => false;
  let waiting: (() => void)[] = [];
  const gate = async (path: string): Promise<void> => {
    if (fits(path)) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return {
    disk: behind(gate, disk),
    hang: (which) => {
      fits = which;
    },
    goOn: () => {
      fits = () => false;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
  };
}

describe.each(['EIO', 'ESTALE', 'ENOTCONN'])('a volume that says %s to everybody', (code) => {
  it('costs clients a 451, and nobody a lane', async () => {
    const { disk, clock, first, second } = await two();
    const ids = [await accept(first.queue, 'one'), await accept(second.queue, 'two')];
    disk.inject = (step) => diskError(code, step);
    await expect(accept(first.queue, 'meanwhile')).rejects.toMatchObject({ code: 451 });
    await clock.advance(60_000);
    for (const { queue } of [first, second]) {
      await expect(accept(queue, 'meanwhile')).rejects.toMatchObject({ code: 451 });
    }
    disk.inject = () => undefined;
    // Half a term until the next lane is tried for; former owners come back before that.
    await clock.advance(1000);
    expect(idsOf(first.queue)).toEqual([ids[0]]);
    expect(idsOf(second.queue)).toEqual([ids[1]]);
    await clock.advance(TERM_MS);
    await accept(first.queue, 'afterwards');
    await accept(second.queue, 'afterwards');
    for (const { queue } of [first, second]) {
      for (const id of idsOf(queue)) await queue.settle(id, DELIVERED);
    }
    await clock.advance(60_000);
    expect(await disk.list('/queue/lanes')).toHaveLength(2);
  });
});

describe('an owner that was lost to an outage', () => {
  it('has its lane adopted when everybody has waited for a term, counted from when they could look again', async () => {
    const { disk, clock, first, second } = await two();
    const id = await accept(first.queue, 'message');
    disk.inject = (step) => diskError('EIO', step);
    await clock.advance(60_000);
    // It dies meanwhile.
    const survivor = disk.reopen();
    const other = await openTestQueue({ disk: survivor, clock, seed: 3, othersGone: false });
    expect(second.queue.counts().lanes).toBe(0);
    await clock.advance(TERM_MS - 1000);
    expect(idsOf(other.queue)).toEqual([]);
    await clock.advance(6000);
    expect(idsOf(other.queue)).toEqual([id]);
  });

  it('does not take back what it still works on', async () => {
    const { disk, clock, first } = await two();
    const id = await accept(first.queue, 'message');
    let end = (): void => undefined;
    first.queue.onYield(
      () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    );
    disk.inject = (step) => diskError('EIO', step);
    await clock.advance(3000);
    disk.inject = () => undefined;
    await clock.advance(2000);
    expect(first.queue.entry(id)).toBeUndefined();
    end();
    await clock.advance(1000);
    expect(first.queue.entry(id)).toBeDefined();
  });
});

describe('a volume that does not answer', () => {
  it('is given up after a term, and mail flows again by itself', async () => {
    const clock = new TestClock();
    const volume = hanging(new MemoryDisk());
    const deps = { ...depsOf({ clock }), disk: volume.disk };
    const queue = await openQueue(TEST_CONFIG, deps);
    const id = await accept(queue, 'message');
    volume.hang(() => true);
    await clock.advance(14_000);
    expect(queue.owns(id)).toBe(false);
    expect(() => queue.draft()).toThrow(expect.objectContaining({ code: 451 }));
    volume.goOn();
    await settleDown();
    await clock.advance(2000);
    expect(idsOf(queue)).toEqual([id]);
    await accept(queue, 'afterwards');
  });

  it("refuses mail from when the lane may be another's, whatever timers do", async () => {
    const clock = new TestClock();
    const volume = hanging(new MemoryDisk());
    const queue = await openQueue(TEST_CONFIG, { ...depsOf({ clock }), disk: volume.disk });
    volume.hang(() => true);
    await clock.advance(10_500);
    expect(() => queue.draft()).toThrow(expect.objectContaining({ code: 451 }));
    volume.goOn();
  });

  it.each(['segment', 'owner.', 'body', 'reserve.', ''])(
    'keeps a lane from nobody: who can use it adopts it (%s)',
    async (what) => {
      const disk = new MemoryDisk();
      const dead = await openTestQueue({ disk, othersGone: false });
      const id = await accept(dead.queue, 'message');
      const lane = id.split('-')[0]!;
      const clock = new TestClock();
      const volume = hanging(disk);
      volume.hang((path) => path.includes(`${lane}/${what}`));
      const opening = openQueue(TEST_CONFIG, {
        ...depsOf({ clock, seed: 2, othersGone: false }),
        disk: volume.disk,
      });
      let opened = false;
      void opening.finally(() => {
        opened = true;
      });
      while (!opened) await clock.advance(100);
      const stuck = await opening;
      const other = depsOf({ disk, clock, seed: 3, othersGone: false });
      await clock.advance(TERM_MS + 4000);
      const claimed = (await disk.list(`/queue/lanes/${lane}`)).find((name) => name.startsWith('lease.'));
      expect(claimed).toBeDefined();
      const healthy = await openQueue(TEST_CONFIG, other);
      await clock.advance(4 * TERM_MS);
      expect(idsOf(healthy)).toEqual([id]);
      expect(idsOf(stuck)).toEqual([]);
      volume.goOn();
      await settleDown();
      await clock.advance(TERM_MS);
      expect(healthy.owns(id)).toBe(true);
      await accept(stuck, 'its own lane is as it was');
    },
  );
});

describe('a disk on which writes never come back, though the lease is renewed', () => {
  it('keeps a lane from nobody for ever', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    const volume = hanging(disk);
    const stuck = await openQueue(TEST_CONFIG, {
      ...depsOf({ clock, othersGone: false }),
      disk: volume.disk,
    });
    const id = await accept(stuck, 'before');
    const other = await openTestQueue({ disk, clock, seed: 2, othersGone: false });
    volume.hang((path) => path.includes(`${id.split('-')[0]}/segment.`));
    const refused = accept(stuck, 'meanwhile').catch((error: unknown) => error);
    await clock.advance(5 * TERM_MS);
    expect(stuck.owns(id)).toBe(true);
    await clock.advance(5 * TERM_MS);
    expect(idsOf(other.queue)).toContain(id);
    expect(stuck.owns(id)).toBe(false);
    expect(await refused).toMatchObject({ code: 451 });
    volume.goOn();
  });
});

describe('a look that waits for a volume that is away', () => {
  it('counts none of that time: the owner may have waited for the same', async () => {
    const disk = new MemoryDisk();
    const owner = await openTestQueue({ disk, othersGone: false });
    const id = await accept(owner.queue, 'message');
    const lane = id.split('-')[0]!;
    const clock = new TestClock();
    const volume = hanging(disk);
    const deps = depsOf({ clock, seed: 2, othersGone: false });
    const watcher = await openQueue(TEST_CONFIG, { ...deps, disk: volume.disk });
    await clock.advance(3000);
    volume.hang((path) => path.endsWith(lane));
    await clock.advance(3 * TERM_MS);
    volume.goOn();
    await settleDown();
    await clock.advance(3000);
    expect(idsOf(watcher)).toEqual([]);
    await clock.advance(2 * TERM_MS);
    expect(idsOf(watcher)).toEqual([id]);
  });
});

describe('a file that was open during an outage', () => {
  it('is opened anew when it fails', async () => {
    const disk = new MemoryDisk();
    const before = await openTestQueue({ disk });
    const ids = [await accept(before.queue, 'one'), await accept(before.queue, 'two')];
    const reopened = disk.reopen();
    let stale = false;
    const plain = countingDisk(reopened, () => undefined);
    const deps = {
      ...depsOf({ seed: 2 }),
      disk: {
        ...plain,
        open: async (path: string): Promise<DiskFile> => {
          const file = await plain.open(path);
          const isOld = !stale;
          const read: DiskFile['read'] = async (target, position) => {
            if (isOld && stale) throw diskError('ESTALE', { operation: 'read', path });
            return file.read(target, position);
          };
          return { ...file, read };
        },
      },
    };
    const queue = await openQueue(TEST_CONFIG, deps);
    expect((await contentOf(queue, ids[0]!))?.toString()).toBe('one');
    stale = true;
    expect((await contentOf(queue, ids[1]!))?.toString()).toBe('two');
    expect(queue.counts().damaged).toBe(0);
  });
});

describe('a volume that is away when a process starts', () => {
  it.each([
    ['ENOTCONN', 'QueueUnreachable'],
    ['EACCES', 'QueueUnwritable'],
  ])('is told from one that refuses us: %s', async (code, expected) => {
    const disk = new MemoryDisk();
    disk.inject = (step) => diskError(code, step);
    await expect(openTestQueue({ disk })).rejects.toMatchObject({ code: expected });
    disk.inject = () => undefined;
    await openTestQueue({ disk });
    disk.inject = (step) => (step.path.includes('/lanes/') ? diskError(code, step) : undefined);
    await expect(openTestQueue({ disk, seed: 2 })).rejects.toMatchObject({ code: expected });
  });
});

describe('a volume that is not mounted', () => {
  const unmounted = (): MemoryDisk => new MemoryDisk();

  it('is waited for where the queue is known to be there, and nothing is made in its place', async () => {
    const disk = unmounted();
    const opened = openTestQueue({ disk, config: { initialize: false } });
    await expect(opened).rejects.toMatchObject({ code: 'QueueUnreachable' });
    expect(disk.steps).toEqual([]);
  });

  it('is opened once it is', async () => {
    const { disk, queue } = await openTestQueue();
    const id = await accept(queue, 'kept');
    const again = await openTestQueue({ disk: disk.reopen(), seed: 2, config: { initialize: false } });
    expect(idsOf(again.queue)).toEqual([id]);
  });

  it('gets no lane below its mount point from a process that had it', async () => {
    const bare = unmounted();
    const mounted = new MemoryDisk();
    let volume = mounted;
    // Names are looked up anew at each call; open files stay with their file system.
    const disk = new Proxy(mounted, {
      get: (_, name) => {
        const member = volume[name as keyof MemoryDisk];
        return typeof member === 'function' ? member.bind(volume) : member;
      },
    });
    const { queue, clock } = await openTestQueue({ disk });
    const id = await accept(queue, 'kept');
    volume = bare;
    await expect(accept(queue, 'refused')).rejects.toMatchObject({ code: 451 });
    await clock.advance(60_000);
    await expect(accept(queue, 'refused')).rejects.toMatchObject({ code: 451 });
    expect(await bare.exists('/queue')).toBe(false);
    volume = mounted;
    await clock.advance(60_000);
    await accept(queue, 'afterwards');
    expect(idsOf(queue)).toContain(id);
  });
});

describe('a disk that is slow, and answers', () => {
  it('has a new lane when one was lost, as it goes on with one that is open', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    let ms = 0;
    const gate = () => new Promise<void>((resolve) => void (ms === 0 ? resolve() : clock.after(ms, resolve)));
    const queue = await openQueue(TEST_CONFIG, {
      ...depsOf({ clock, othersGone: false }),
      disk: behind(gate, disk),
    });
    ms = 800;
    const lost = queue.home();
    disk.inject = (step) =>
      step.operation === 'rename' && step.path.includes(`${lost}/lease.`)
        ? diskError('EIO', step)
        : undefined;
    for (let n = 0; n < 60 && queue.home() === lost; n += 1) await clock.advance(1000);
    for (let n = 0; n < 60 && queue.home() === undefined; n += 1) await clock.advance(1000);
    expect(queue.home()).toBeDefined();
    const accepted = accept(queue, 'it goes on');
    await clock.advance(20_000);
    expect(queue.owns(await accepted)).toBe(true);
  });
});

describe('a folder that does not answer', () => {
  it.each(['list', 'unlink'] as const)(
    'keeps no process from a home, nor from the lanes of others: %s',
    async (what) => {
      const disk = new MemoryDisk();
      const clock = new TestClock();
      const lines: LogLine[] = [];
      const { queue } = await openTestQueue({ disk, clock, othersGone: false, lines });
      await disk.makeDirectory('/queue/lanes/bbbbbbbbbbbb.retired');
      await (await disk.create('/queue/lanes/bbbbbbbbbbbb.retired/segment.0000000001')).close();
      const held = holdNext(disk, what, (path) => path.includes('.retired'));
      for (let n = 0; n < 10; n += 1) await clock.advance(500);
      await held.reached;
      const lost = queue.home();
      disk.inject = (step) =>
        step.operation === 'rename' && step.path.includes(`${lost}/lease.`)
          ? diskError('EIO', step)
          : undefined;
      for (let n = 0; n < 60 && !lines.some(({ message }) => message === 'lane lost'); n += 1) {
        await clock.advance(1000);
      }
      disk.inject = () => undefined;
      for (let n = 0; n < 60 && (queue.home() ?? lost) === lost; n += 1) await clock.advance(1000);
      const id = await accept(queue, 'it goes on');
      expect(id.split('-')[0]).toBe(queue.home());
      await queue.release();
      held.go();
      await settleDown();
      const heir = await openTestQueue({ disk, clock, seed: 2 });
      await clock.advance(1000);
      expect(idsOf(heir.queue)).toContain(id);
    },
  );
});
