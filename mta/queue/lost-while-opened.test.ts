/** A lane that is lost in the moment in which it becomes ours: its journal runs by then, and nobody knows it yet. */
import { expect, it } from 'vitest';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { diskError, MemoryDisk } from './testing/memory-disk.ts';
import { accept, DELIVERED, type LogLine, openTestQueue } from './testing/test-queue.ts';

/** No two messages have room in one segment: compaction begins one for each. */
const CONFIG = { segmentBytes: 4096 };

it('is not kept: its messages are another owner’s', async () => {
  const before = new MemoryDisk();
  const dead = await openTestQueue({ disk: before, config: CONFIG, othersGone: false });
  const ids: string[] = [];
  for (let i = 0; i < 24; i += 1) ids.push(await accept(dead.queue, `m${i}`, Buffer.alloc(1900)));
  // So much at once that compaction has to begin, and whoever adopts the lane begins it.
  const ended = ids.filter((_, i) => i % 6 !== 0);
  await Promise.all(ended.map((id) => dead.queue.settle(id, DELIVERED)));
  const disk = before.reopen();
  const lane = ids[0]!.split('-')[0];
  const lines: LogLine[] = [];
  const clock = new TestClock();

  const sweeping = holdNext(disk, 'unlink', (path) => path.includes('/owner.'));
  const opening = openTestQueue({ disk, config: CONFIG, clock, seed: 2, lines });
  await sweeping.reached;
  const beginning = holdNext(disk, 'create', (path) => path.includes('/segment.'));
  await beginning.reached;
  // The last renewal before the lane is ours.
  const renewing = holdNext(disk, 'rename', (path) => path.includes('/lease.'));
  sweeping.go();
  await renewing.reached;
  // Somebody else has made that segment.
  disk.inject = (step) =>
    step.operation === 'create' && step.path.includes(`${lane}/segment.`)
      ? diskError('EEXIST', step)
      : undefined;
  beginning.go();
  await settleDown();
  renewing.go();
  const { queue } = await opening;
  disk.inject = () => undefined;
  await settleDown();

  expect(lines.map(({ message }) => message)).toContain('lane lost');
  expect(lines.map(({ message }) => message)).not.toContain('lane adopted');
  expect(queue.counts().messages).toBe(0);
  expect(queue.home()).not.toBe(lane);
  await accept(queue, 'it goes on');
  for (let n = 0; n < 40; n += 1) await clock.advance(1000);
  expect(queue.owns(ids[18]!)).toBe(true);
  expect(queue.counts().messages).toBe(5);
});
