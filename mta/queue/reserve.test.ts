/** The reserve on a full volume: whose it is, and that a lane can be adopted there. */
import { describe, expect, it } from 'vitest';
import { settleDown } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { diskError } from './testing/memory-disk.ts';
import {
  accept,
  DELIVERED,
  deferredUntil,
  type LogLine,
  openTestQueue,
  type TestQueue,
} from './testing/test-queue.ts';
import type { QueueId } from './types.ts';

const attemptsOf = ({ queue }: TestQueue, id: QueueId): number | undefined =>
  queue.entry(id)?.jobs[0]?.attempts;

describe('a full volume', () => {
  it('does not keep a lane from being adopted, and its mail from leaving', async () => {
    const first = await openTestQueue();
    const ids = await Promise.all(['a', 'b', 'c'].map((name) => accept(first.queue, name)));
    const disk = first.disk.reopen();
    disk.capacity = disk.used;
    const next = await openTestQueue({ disk, seed: 2 });
    expect(ids.every((id) => next.queue.entry(id))).toBe(true);
    for (const id of ids.slice(1)) await next.queue.settle(id, DELIVERED);
    disk.capacity = Number.POSITIVE_INFINITY;
    const last = await openTestQueue({ disk: disk.reopen(), seed: 3 });
    expect([...last.queue.entries()].map(({ id }) => id)).toEqual([ids[0]]);
  });

  it('is met with the same head each time, so that no part of one that failed can show', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'message');
    const heads: string[] = [];
    const [lane] = await test.disk.list('/queue/lanes');
    for (const name of await test.disk.list(`/queue/lanes/${lane}`)) {
      if (name.startsWith('reserve')) await test.disk.unlink(`/queue/lanes/${lane}/${name}`);
    }
    test.disk.capacity = test.disk.used;
    const settled = test.queue.settle(id, deferredUntil(7, 1));
    await test.clock.advance(1000);
    test.disk.capacity = test.disk.used + 100;
    for (let i = 0; i < 5; i += 1) {
      await test.clock.advance(1000);
      const newest = (await test.disk.list(`/queue/lanes/${lane}`))
        .filter((name) => name.startsWith('seg'))
        .sort();
      heads.push(test.disk.bytesOf(`/queue/lanes/${lane}/${newest.at(-1)}`).toString('hex'));
    }
    expect(heads[0]).toHaveLength(200);
    expect(new Set(heads).size).toBe(1);
    test.disk.capacity = Number.POSITIVE_INFINITY;
    await test.clock.advance(2000);
    await settled;
  });

  it('keeps nobody from letting a lane go, though compaction waits for room', async () => {
    const test = await openTestQueue();
    const ids: QueueId[] = [];
    for (let i = 0; i < 12; i += 1) ids.push(await accept(test.queue, 'message', Buffer.alloc(1000)));
    let full = false;
    test.disk.inject = (step) => {
      if (full && step.operation === 'write') return diskError('ENOSPC', step);
      // From the group on that gives compaction something to do.
      if (step.operation === 'sync') full = true;
      return undefined;
    };
    await Promise.all(ids.map((id) => test.queue.settle(id, DELIVERED)));
    await test.clock.advance(5000);
    let released = false;
    void test.queue.release().then(() => {
      released = true;
    });
    await test.clock.advance(5000);
    expect(released).toBe(true);
    expect(await test.disk.list('/queue/released')).toHaveLength(1);
  });

  it('leaves the reserve to settlements where it could not be begun at once', async () => {
    const { queue, disk, clock } = await openTestQueue();
    const id = await accept(queue, 'message');
    disk.capacity = disk.used;
    let linked = '';
    disk.inject = ({ operation, path }) => {
      if (operation === 'link') linked = path;
      if (operation !== 'write' || path !== linked) return undefined;
      disk.inject = () => undefined;
      return diskError('ESHORT', { operation, path });
    };
    const settled = queue.settle(id, deferredUntil(7, 1));
    await clock.advance(2000);
    await settled;
    disk.capacity = Number.POSITIVE_INFINITY;
    await clock.advance(2000);
    queue.counts();
    await settleDown();
    const reserve = disk.bytesOf(linked);
    await accept(queue, 'more');
    expect(disk.bytesOf(linked).equals(reserve)).toBe(true);
    expect(queue.counts().messages).toBe(2);
  });

  it('does not collect segments while there is no reserve either', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'message');
    const [lane] = await test.disk.list('/queue/lanes');
    const names = async () => await test.disk.list(`/queue/lanes/${lane}`);
    for (const name of await names()) {
      if (name.startsWith('reserve')) await test.disk.unlink(`/queue/lanes/${lane}/${name}`);
    }
    test.disk.capacity = test.disk.used;
    const settled = test.queue.settle(id, deferredUntil(7, 1));
    for (let i = 0; i < 20; i += 1) await test.clock.advance(1000);
    expect((await names()).filter((name) => name.startsWith('segment.')).length).toBeLessThan(4);
    test.disk.capacity = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3; i += 1) await test.clock.advance(1000);
    await settled;
  });
});

describe('an owner that is paused while it takes its reserve', () => {
  it('writes nothing into what the next owner has made of it', async () => {
    const first = await openTestQueue({ othersGone: false });
    const { disk } = first;
    const ids = await Promise.all(['a', 'b', 'c', 'd'].map((name) => accept(first.queue, name)));
    disk.capacity = disk.used;
    const unlink = holdNext(disk, 'unlink', (path) => /\/reserve(\.\d+)?$/.test(path));
    const late = first.queue.settle(ids[0]!, deferredUntil(1, 1)).catch(() => undefined);
    await unlink.reached;
    disk.capacity = disk.used + (2 << 20) + 8000;
    const next = await openTestQueue({ disk, seed: 2 });
    disk.capacity = disk.used;
    await next.queue.settle(ids[1]!, deferredUntil(2, 2));
    await next.queue.settle(ids[2]!, DELIVERED);
    disk.capacity = Number.POSITIVE_INFINITY;
    await next.clock.advance(2000);
    next.queue.counts();
    await settleDown();
    for (let i = 0; i < 10; i += 1) await accept(next.queue, 'more', Buffer.alloc(1500));
    unlink.go();
    await first.clock.advance(2000);
    await late;
    const last = await openTestQueue({ disk, seed: 3 });
    await last.clock.advance(1000);
    expect(attemptsOf(last, ids[1]!)).toBe(2);
    expect(last.queue.entry(ids[2]!)).toBeUndefined();
    expect(last.queue.counts().damaged).toBe(0);
  });

  it('damages nothing that its heir is reading, when it goes on', async () => {
    const first = await openTestQueue({ othersGone: false });
    const { disk } = first;
    const ids = [await accept(first.queue, 'a'), await accept(first.queue, 'b')];
    disk.capacity = disk.used;
    const taken = holdNext(disk, 'openWritable', (path) => path.includes('/segment.'));
    const late = first.queue.settle(ids[0]!, deferredUntil(1, 1)).catch(() => undefined);
    await taken.reached;
    disk.capacity = Number.POSITIVE_INFINITY;
    const lines: LogLine[] = [];
    const read = holdNext(disk, 'open', (path) => path.includes('/snapshot.'));
    const opening = openTestQueue({ disk, seed: 2, lines });
    await read.reached;
    taken.go();
    await settleDown();
    read.go();
    const heir = await opening;
    await first.clock.advance(2000);
    await late;
    expect(ids.every((id) => heir.queue.entry(id))).toBe(true);
    expect(lines.filter(({ message }) => message.includes('damaged'))).toEqual([]);
    expect(heir.queue.counts().damaged).toBe(0);
  });
});
