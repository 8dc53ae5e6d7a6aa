import { describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import { type Turn, WorkQueue } from './work-queue.ts';

interface Job {
  readonly key: string;
  end(again?: number): void;
  fail(): void;
}

/** A queue whose work ends when the test says so. */
function openQueue(concurrency = 2) {
  const clock = new TestClock();
  const jobs: Job[] = [];
  const failures: number[] = [];
  const turns: Turn[] = [];
  const queue = new WorkQueue({
    ...{ clock, random: seeded(1), concurrency },
    work: (key) =>
      new Promise((resolve, reject) => {
        jobs.push({ key, end: resolve, fail: () => reject(new Error('no')) });
      }),
    onFailure: (_error, _key, count) => failures.push(count),
    onTurn: (turn) => turns.push(turn),
  });
  queue.start();
  return { clock, jobs, failures, turns, queue, keys: () => jobs.map(({ key }) => key) };
}

describe('a work queue', () => {
  it('lets the event loop turn between two turns of a key that is added again and again', async () => {
    let [turns, hasTurned] = [0, false];
    const queue = new WorkQueue({
      ...{ clock: new TestClock(), random: seeded(1), concurrency: 1, onFailure: () => undefined },
      async work() {
        turns += 1;
        if (!hasTurned && turns < 1000) queue.add('a');
        return undefined;
      },
    });
    queue.add('a');
    queue.start();
    setImmediate(() => {
      hasTurned = true;
    });
    await settleDown();
    expect(turns).toBeLessThan(5);
  });

  it('works on a key once, however often it was added before', async () => {
    const { queue, keys, jobs } = openQueue(1);
    for (const key of ['a', 'b', 'a', 'b']) queue.add(key);
    await settleDown();
    jobs[0]!.end();
    await settleDown();
    expect(keys()).toEqual(['a', 'b']);
  });

  it('works on a key again that is added meanwhile, and not before the first has ended', async () => {
    const { queue, keys, jobs } = openQueue();
    queue.add('a');
    await settleDown();
    queue.add('a');
    await settleDown();
    expect(keys()).toEqual(['a']);
    jobs[0]!.end();
    await settleDown();
    expect(keys()).toEqual(['a', 'a']);
    jobs[1]!.end();
    await settleDown();
    expect(keys()).toEqual(['a', 'a']);
  });

  it('works on so many at once, and no more', async () => {
    const { queue, keys } = openQueue(2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await settleDown();
    expect(keys()).toEqual(['a', 'b']);
    expect(queue.depth).toBe(1);
  });

  it('tries again what failed, later each time, and from the start once it went well', async () => {
    const { queue, clock, keys, jobs, failures } = openQueue();
    queue.add('a');
    await settleDown();
    const waited: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const began = clock.monotonic();
      jobs.at(-1)!.fail();
      await settleDown();
      while (keys().length === i + 1) await clock.advance(25);
      waited.push(clock.monotonic() - began);
    }
    expect(failures).toEqual([1, 2, 3, 4]);
    for (const [i, ms] of waited.entries()) {
      expect(ms).toBeGreaterThanOrEqual(125 * 2 ** i);
      expect(ms).toBeLessThanOrEqual(250 * 2 ** i + 25);
    }
    jobs.at(-1)!.end();
    await settleDown();
    expect(queue.failing).toBe(0);
    queue.add('a');
    await settleDown();
    jobs.at(-1)!.fail();
    await settleDown();
    expect(failures.at(-1)).toBe(1);
  });

  it('comes back when the work asked for it, or earlier when the key is added', async () => {
    const { queue, clock, keys, jobs } = openQueue();
    queue.add('a');
    await settleDown();
    jobs[0]!.end(60_000);
    await settleDown();
    await clock.advance(59_000);
    expect(keys()).toEqual(['a']);
    await clock.advance(1000);
    expect(keys()).toEqual(['a', 'a']);
    jobs[1]!.end(60_000);
    await settleDown();
    queue.add('a');
    await settleDown();
    expect(keys()).toHaveLength(3);
    jobs[2]!.end();
    await clock.advance(120_000);
    expect(keys()).toHaveLength(3);
  });

  it('tells how long each key waited and was worked on, and whether that failed', async () => {
    const { queue, clock, jobs, turns } = openQueue(1);
    queue.add('a');
    queue.add('b');
    await settleDown();
    await clock.advance(1000);
    queue.add('b');
    await settleDown();
    jobs[0]!.end();
    await settleDown();
    await clock.advance(500);
    jobs[1]!.fail();
    await settleDown();
    expect(turns).toEqual([
      { waitedMs: 0, workedMs: 1000, failed: false },
      { waitedMs: 1000, workedMs: 500, failed: true },
    ]);
  });

  it('stops when what is worked on has ended, and begins nothing more', async () => {
    const { queue, clock, keys, jobs } = openQueue(1);
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 1000);
    await settleDown();
    let stopped = false;
    void queue.stop().then(() => {
      stopped = true;
    });
    await clock.advance(5000);
    expect(stopped).toBe(false);
    jobs[0]!.end(10);
    await clock.advance(5000);
    expect(stopped).toBe(true);
    queue.add('d');
    await settleDown();
    expect(keys()).toEqual(['a']);
  });
});
