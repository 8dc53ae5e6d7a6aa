import { describe, expect, it } from 'vitest';
import { MemoryDisk } from './testing/memory-disk.ts';
import { accept, type LogLine, openTestQueue } from './testing/test-queue.ts';

const laneOf = (id: string): string => id.slice(0, id.indexOf('-'));
const saying = (lines: readonly LogLine[], message: string): object[] =>
  lines.filter((line) => line.message === message).map(({ fields }) => fields);

describe('a lane that changes hands', () => {
  it('is told of by both: who took what from whom, why, and who has it now', async () => {
    const disk = new MemoryDisk();
    const [lost, taken]: [LogLine[], LogLine[]] = [[], []];
    const ghost = await openTestQueue({ disk, seed: 1, othersGone: false, lines: lost });
    const lane = laneOf(await accept(ghost.queue, 'message'));
    const adopter = await openTestQueue({ disk, seed: 2, othersGone: false, lines: taken });
    // The ghost's own clock stands still.
    await adopter.clock.advance(16_000);
    const [adopted] = saying(taken, 'lane adopted');
    expect(adopted).toMatchObject({ lane, reason: 'lapsed', from: 'test', pid: 1, messages: 1 });
    expect((adopted as { unchangedMs: number }).unchangedMs).toBeGreaterThanOrEqual(10_000);
    expect(adopter.queue.stats().adopted).toEqual({ released: 0, former: 0, ownerGone: 0, lapsed: 1 });
    await ghost.clock.advance(16_000);
    expect(saying(lost, 'lane lost')).toMatchObject([{ lane, messages: 1 }]);
    expect(saying(lost, 'lane that was lost has another owner')).toEqual([{ lane, by: 'test', pid: 2 }]);
    expect(ghost.queue.stats().lost).toBe(1);
  });

  it('is told of by both where it is let go, from whom too where it was looked at before', async () => {
    const disk = new MemoryDisk();
    const [left, taken]: [LogLine[], LogLine[]] = [[], []];
    const first = await openTestQueue({ disk, seed: 1, othersGone: false, lines: left });
    const lane = laneOf(await accept(first.queue, 'message'));
    const second = await openTestQueue({ disk, seed: 2, othersGone: false, lines: taken });
    await second.clock.advance(2000);
    await first.queue.release();
    await second.clock.advance(1000);
    expect(saying(left, 'lane let go')).toMatchObject([{ lane, messages: 1 }]);
    expect(saying(taken, 'lane adopted')).toMatchObject([{ lane, reason: 'released', from: 'test', pid: 1 }]);
    expect(second.queue.stats().adopted.released).toBe(1);
  });
});
