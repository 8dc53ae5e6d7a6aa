/** The removal of an empty lane: wherever it is interrupted, nothing that had ended comes back, and nobody uses it. */
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seeded.ts';
import { settleDown } from '../testing/test-clock.ts';
import { parseLeaseName } from './layout.ts';
import { holdNext } from './testing/held-step.ts';
import { diskError, MemoryDisk } from './testing/memory-disk.ts';
import { accept, DELIVERED, openTestQueue, type TestQueue } from './testing/test-queue.ts';
import type { QueueId } from './types.ts';

/** A queue that has adopted a lane beside its own, and has ended all of its messages. */
async function emptied(disk = new MemoryDisk()): Promise<{ test: TestQueue; ids: QueueId[]; lane: string }> {
  const first = await openTestQueue({ disk, othersGone: false });
  const ids: QueueId[] = [];
  for (let i = 0; i < 12; i += 1) ids.push(await accept(first.queue, `m${i}`, Buffer.alloc(1500, 'x')));
  const test = await openTestQueue({ disk, seed: 2, othersGone: false });
  await first.queue.release();
  for (let i = 0; i < 20 && !test.queue.entry(ids[0]!); i += 1) await test.clock.advance(100);
  for (const id of ids) await test.queue.settle(id, DELIVERED);
  return { test, ids, lane: `/queue/lanes/${ids[0]!.split('-')[0]}` };
}

describe('the removal of an empty lane', () => {
  it('brings nothing back, wherever the machine stops', async () => {
    for (let stop = 0; stop < 40; stop += 1) {
      const { test, ids } = await emptied();
      test.disk.stopAfter = test.disk.steps.length + stop;
      for (let i = 0; i < 20; i += 1) await test.clock.advance(500);
      const random = seeded(stop + 1);
      const after = await openTestQueue({ disk: test.disk.restart(random.fraction), seed: 3 });
      for (let i = 0; i < 5; i += 1) await after.clock.advance(1000);
      const back = ids.filter((id) => after.queue.entry(id));
      expect(back, `stopped ${stop} steps on`).toEqual([]);
      expect(after.queue.counts().damaged, `stopped ${stop} steps on`).toBe(0);
    }
  });

  it('leaves nothing that could be claimed before it unlinks anything', async () => {
    const { test, lane } = await emptied();
    let refused = false;
    test.disk.inject = (step) => {
      if (step.operation !== 'unlink' || !step.path.startsWith(`${lane}.retired/segment.`)) return undefined;
      refused = true;
      return diskError('EIO', step);
    };
    for (let i = 0; i < 20 && !refused; i += 1) await test.clock.advance(500);
    await settleDown();
    const names = await test.disk.list(`${lane}.retired`);
    expect(names.filter((name) => parseLeaseName(name))).toEqual([]);
  });

  it('ends where a crash of the server has undone the retirement: another may have the lane', async () => {
    const { test, lane } = await emptied();
    const retirement = holdNext(test.disk, 'rename', (path) => path === `${lane}/retired`);
    for (let i = 0; i < 20; i += 1) await test.clock.advance(500);
    await retirement.reached;
    const lease = (await test.disk.list(lane)).find((name) => parseLeaseName(name))!;
    const sync = holdNext(test.disk, 'syncDirectory', (path) => path === lane);
    retirement.go();
    await sync.reached;
    await test.disk.rename(`${lane}/retired`, `${lane}/${lease}`);
    sync.go();
    await settleDown();
    expect((await test.disk.list(lane)).filter((name) => name.startsWith('segment.'))).not.toEqual([]);
  });

  it('is finished by others where its folder could not be renamed', async () => {
    const { test, lane } = await emptied();
    test.disk.inject = (step) =>
      step.operation === 'rename' && step.path.startsWith(`${lane}.`) ? diskError('EIO', step) : undefined;
    for (let i = 0; i < 20; i += 1) await test.clock.advance(500);
    test.disk.inject = () => undefined;
    const next = await openTestQueue({ disk: test.disk, seed: 3, othersGone: false });
    for (let i = 0; i < 60; i += 1) await next.clock.advance(500);
    const left = await test.disk.list('/queue/lanes');
    expect(left.filter((name) => lane.endsWith(name.split('.')[0]!))).toEqual([]);
  });

  it('is not finished where a crash of the file server has taken it back', async () => {
    const disk = new MemoryDisk();
    const first = await openTestQueue({ disk, othersGone: false });
    const id = await accept(first.queue, 'kept');
    const lane = `/queue/lanes/${id.split('-')[0]}`;
    await first.queue.release();
    for (const marker of await disk.list('/queue/released')) await disk.unlink(`/queue/released/${marker}`);
    const lease = (await disk.list(lane)).find((name) => parseLeaseName(name))!;
    await disk.rename(`${lane}/${lease}`, `${lane}/retired`);
    const held = holdNext(disk, 'syncDirectory', (path) => path === lane);
    const other = await openTestQueue({ disk, seed: 2, othersGone: false });
    for (let i = 0; i < 10; i += 1) await other.clock.advance(400);
    await disk.rename(`${lane}/retired`, `${lane}/${lease}`);
    held.go();
    for (let i = 0; i < 50; i += 1) await other.clock.advance(400);
    expect(other.queue.entry(id)).toBeDefined();
  });

  it('goes on with others where one folder can not be deleted', async () => {
    const test = await openTestQueue();
    const names = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb'].map((lane) => `/queue/lanes/${lane}.retired`);
    for (const name of names) await test.disk.makeDirectory(name);
    test.disk.inject = (step) => (step.path.startsWith(names[0]!) ? diskError('EIO', step) : undefined);
    await test.clock.advance(3000);
    expect(await test.disk.exists(names[1]!)).toBe(false);
  });
});
