/** A claimant that is paused while it recovers a lane, which another has adopted when it goes on. */
import { expect, it } from 'vitest';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { accept, DELIVERED, type LogLine, openTestQueue } from './testing/test-queue.ts';

it('leaves the lane as it is, says nothing of damage, and stands in the way of nobody', async () => {
  const disk = new MemoryDisk();
  const dead = await openTestQueue({ disk, othersGone: false });
  const ids: string[] = [];
  for (let i = 0; i < 12; i += 1) ids.push(await accept(dead.queue, `m${i}`, Buffer.alloc(1500)));
  const lane = `/queue/lanes/${ids[0]!.split('-')[0]}`;
  const lines: LogLine[] = [];
  const held = holdNext(disk, 'open', (path) => path.startsWith(`${lane}/segment.`));
  const paused = openTestQueue({ disk, clock: new TestClock(), seed: 2, lines });
  await held.reached;
  const owner = await openTestQueue({ disk, clock: new TestClock(), seed: 3 });
  for (const id of ids.slice(1)) await owner.queue.settle(id, DELIVERED);
  await settleDown();
  const before = (await disk.list(lane)).filter((name) => !name.startsWith('lease.')).sort();
  held.go();
  await paused;
  await settleDown();
  expect((await disk.list(lane)).filter((name) => !name.startsWith('lease.')).sort()).toEqual(before);
  expect(lines.filter(({ message }) => message.includes('damaged'))).toEqual([]);
  for (let i = 0; i < 12; i += 1) await accept(owner.queue, `later ${i}`, Buffer.alloc(1500));
  expect(owner.queue.owns(ids[0]!)).toBe(true);
});
