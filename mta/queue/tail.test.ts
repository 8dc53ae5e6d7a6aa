/** What a dead owner wrote and never synced, on a file system whose sync means a client's own writes, as over NFS. */
import { expect, it } from 'vitest';
import { seeded } from '../testing/seeded.ts';
import { settleDown } from '../testing/test-clock.ts';
import { countingDisk } from './counting-disk.ts';
import type { Disk } from './disk.ts';
import { type LaneQueue, openQueue } from './queue.ts';
import { flipBitAt, type MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  DELIVERED,
  depsOf,
  type LogLine,
  openTestQueue,
  TEST_CONFIG,
  type TestQueue,
} from './testing/test-queue.ts';

/** A client of its own: its sync of a file does nothing where it has written nothing to it. */
function clientOf(disk: MemoryDisk): Disk {
  const plain = countingDisk(disk, () => undefined);
  return {
    ...plain,
    open: async (path) => ({ ...(await plain.open(path)), sync: async () => undefined }),
    openWritable: async (path) => {
      const file = await plain.openWritable(path);
      let wrote = false;
      return {
        ...file,
        write: (buffers, position) => {
          wrote = true;
          return file.write(buffers, position);
        },
        sync: async () => (wrote ? file.sync() : undefined),
      };
    },
  };
}

/** A queue whose last group was written, and whose machine died before the sync. */
async function diedBeforeSync(work: (test: TestQueue) => Promise<unknown>): Promise<MemoryDisk> {
  const test = await openTestQueue();
  await accept(test.queue, 'kept');
  let writes = false;
  test.disk.inject = (step) => {
    if (step.path.includes('/segment.') && step.operation === 'write') writes = true;
    if (writes && step.operation === 'sync') test.disk.stopAfter = test.disk.steps.length;
    return undefined;
  };
  void work(test).catch(() => undefined);
  await test.disk.stopped;
  return test.disk.reopen();
}

const openClient = (disk: MemoryDisk, seed: number): Promise<LaneQueue> =>
  openQueue(TEST_CONFIG, { ...depsOf({ seed }), disk: clientOf(disk) });

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'is there after the next crash, once it is served (seed %d)',
  async (seed) => {
    const disk = await diedBeforeSync(({ queue }) => accept(queue, 'written'));
    const heir = await openClient(disk, 2);
    const served = [...heir.entries()].map(({ id }) => id);
    expect(served).toHaveLength(2);
    const after = await openClient(disk.restart(seeded(seed).fraction), 3);
    expect([...after.entries()].map(({ id }) => id)).toEqual(served);
    expect(after.counts().damaged).toBe(0);
  },
);

it.each([1, 2, 3, 4])('takes no body with it that is still needed (seed %d)', async (seed) => {
  const large = Buffer.alloc(5000, 'x');
  const disk = await diedBeforeSync(async ({ queue, disk: before }) => {
    const inject = before.inject;
    before.inject = () => undefined;
    const id = await accept(queue, 'large', large);
    before.inject = inject;
    await queue.settle(id, DELIVERED);
  });
  const heir = await openClient(disk, 2);
  await settleDown();
  const served = [...heir.entries()].map(({ id }) => id);
  const after = await openClient(disk.restart(seeded(seed).fraction), 3);
  expect([...after.entries()].map(({ id }) => id)).toEqual(served);
});

it('is read anew where a crash of the file server has torn it before it was safe, and is no damage', async () => {
  const disk = await diedBeforeSync(({ queue }) => accept(queue, 'written', Buffer.from('not yet synced')));
  const [lane] = await disk.list('/queue/lanes');
  const segment = `/queue/lanes/${lane}/segment.0000000001`;
  let torn = false;
  disk.inject = (step) => {
    if (step.operation === 'sync' && step.path === segment && !torn) {
      torn = true;
      disk.damage(segment, flipBitAt('not yet synced'));
    }
    return undefined;
  };
  const lines: LogLine[] = [];
  const heir = await openTestQueue({ disk, seed: 2, lines });
  expect(torn).toBe(true);
  expect(lines.filter(({ message }) => message === 'lane could not be adopted')).toHaveLength(1);
  for (let i = 0; i < 120 && heir.queue.counts().messages === 0; i += 1) await heir.clock.advance(500);
  expect(heir.queue.counts()).toMatchObject({ messages: 1, damaged: 0 });
});
