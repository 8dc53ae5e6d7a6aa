/** Lanes whose maker died, or was slow, before they were one. */
import { describe, expect, it } from 'vitest';
import { settleDown } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { accept, contentOf, openTestQueue } from './testing/test-queue.ts';

const UNFINISHED = '/queue/lanes/aaaaaaaaaaaa';
const MINUTE = 60_000;
const LARGE = Buffer.alloc(5000, 'large ');

describe('a folder without a lease', () => {
  it.each([UNFINISHED, `${UNFINISHED}/body`])(
    'is removed after a long time, and no earlier (%s)',
    async (path) => {
      const test = await openTestQueue();
      await test.disk.makeDirectory(UNFINISHED);
      await test.disk.makeDirectory(path);
      await test.clock.advance(9 * MINUTE);
      expect(await test.disk.list('/queue/lanes')).toHaveLength(2);
      await test.clock.advance(2 * MINUTE);
      expect(await test.disk.list('/queue/lanes')).toHaveLength(1);
    },
  );

  it('is left alone where there is more in it than was seen', async () => {
    const test = await openTestQueue();
    await test.disk.makeDirectory(UNFINISHED);
    const { list } = test.disk;
    test.disk.list = async (path) => (path === UNFINISHED ? [] : list.call(test.disk, path));
    const lease = await test.disk.create(`${UNFINISHED}/lease.1.a.0.0`);
    await lease.close();
    await test.clock.advance(15 * MINUTE);
    expect(await test.disk.exists(`${UNFINISHED}/lease.1.a.0.0`)).toBe(true);
  });

  it('costs a slow maker nothing but another try', async () => {
    const disk = new MemoryDisk();
    const watcher = await openTestQueue({ disk, othersGone: false });
    const held = holdNext(disk, 'create', (path) => path.includes('lease.1.'));
    const slow = openTestQueue({ disk, seed: 2, othersGone: false }).catch((error: unknown) => error);
    await held.reached;
    await watcher.clock.advance(11 * MINUTE);
    expect(await disk.list('/queue/lanes')).toHaveLength(1);
    held.go();
    expect(await slow).toMatchObject({ code: 'QueueUnwritable' });
    await settleDown();
    expect(await disk.list('/queue/lanes')).toHaveLength(1);
  });
});

describe('a lease without anything else', () => {
  it('becomes the home of a process that starts', async () => {
    const disk = new MemoryDisk();
    for (const path of ['/queue', '/queue/lanes', UNFINISHED]) await disk.makeDirectory(path);
    await (await disk.create(`${UNFINISHED}/lease.1.a.0.0`)).close();
    await disk.makeDirectory('/queue/released');
    await (await disk.create('/queue/released/aaaaaaaaaaaa.lease.1.a.0.0')).close();
    const test = await openTestQueue({ disk });
    const id = await accept(test.queue, 'large', LARGE);
    expect(id.split('-')[0]).toBe('aaaaaaaaaaaa');
    expect((await contentOf(test.queue, id))?.equals(LARGE)).toBe(true);
  });
});
