/** A lane that is handed to another worker in order, with the scheduler that works on it. */
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../config.ts';
import { Scheduler } from '../schedule/scheduler.ts';
import type { AttemptReport } from '../schedule/types.ts';
import { seeded } from '../testing/seeded.ts';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { diskError, MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  DELIVERED,
  envelopeOf,
  jobFor,
  openTestQueue,
  type TestQueue,
} from './testing/test-queue.ts';
import type { LaneRelease, QueueId } from './types.ts';

interface Worker extends TestQueue {
  readonly attempted: QueueId[];
  /** Ends the attempts that are under way. */
  deliver(): void;
}

async function worker(disk: MemoryDisk, clock: TestClock, seed: number): Promise<Worker> {
  const test = await openTestQueue({ disk, clock, seed, othersGone: false });
  const attempted: QueueId[] = [];
  let ends: (() => void)[] = [];
  const scheduler = new Scheduler({
    queue: test.queue,
    clock,
    random: seeded(seed),
    attempt: async ({ id }): Promise<AttemptReport> => {
      attempted.push(id);
      await new Promise<void>((resolve) => ends.push(resolve));
      const stored = test.queue.settle(id, DELIVERED).then(() => undefined);
      return { destination: 'answered', stored };
    },
    lapse: async () => ({ destination: 'untried', stored: Promise.resolve() }),
    delivery: () => ({ retry: { initialSeconds: 60, factor: 2, maxSeconds: 3600, jitter: 0 } }) as Delivery,
    room: { of: () => 2, began: () => {}, onMore: () => {} },
    learnt: () => {},
    onDefect: (error) => {
      throw error;
    },
  });
  for (const entry of test.queue.entries()) scheduler.add(entry, entry.jobs);
  return {
    ...test,
    attempted,
    deliver: () => {
      for (const end of ends) end();
      ends = [];
    },
  };
}

async function pair(): Promise<{ giver: Worker; taker: Worker; disk: MemoryDisk; clock: TestClock }> {
  const disk = new MemoryDisk();
  const clock = new TestClock();
  const giver = await worker(disk, clock, 1);
  const taker = await worker(disk, clock, 2);
  giver.queue.onReleased((release: LaneRelease) => taker.queue.noticed(release));
  return { giver, taker, disk, clock };
}

const homeOf = ({ queue }: TestQueue): string => queue.lanes().find(({ home }) => home)!.id;
const idsOf = ({ queue }: TestQueue): string[] => [...queue.entries()].map(({ id }) => id);

describe('a lane that is given away', () => {
  it('is let go when its attempts have ended and are recorded, and taken at once', async () => {
    const { giver, taker } = await pair();
    const ids = [];
    for (let i = 0; i < 5; i += 1) ids.push(await accept(giver.queue, `m${i}`));
    await settleDown();
    expect(giver.attempted).toHaveLength(1);
    const lane = homeOf(giver);
    const given = giver.queue.giveAway(lane, taker.queue.worker);
    await settleDown();
    expect(giver.queue.counts().lanes).toBe(2);
    giver.deliver();
    expect(await given).toBe(true);
    await settleDown();
    expect(giver.attempted).toHaveLength(1);
    expect(idsOf(giver)).toEqual([]);
    expect(idsOf(taker)).toEqual(ids.slice(1));
    expect(taker.attempted).toEqual([ids[1]]);
  });

  it('takes no new mail with it, and refuses none', async () => {
    const { giver, taker } = await pair();
    const lane = homeOf(giver);
    const draft = giver.queue.draft();
    const given = giver.queue.giveAway(lane, taker.queue.worker);
    await settleDown();
    const later = await accept(giver.queue, 'later');
    await draft.write(Buffer.from('begun before'));
    await draft.commit(envelopeOf('m'), [jobFor([0], { dueAt: Number.MAX_SAFE_INTEGER })]);
    giver.deliver();
    expect(await given).toBe(true);
    await settleDown();
    expect(idsOf(taker)).toEqual([draft.id]);
    expect(later.split('-')[0]).toBe(homeOf(giver));
  });

  it('stays where an attempt does not end, and goes on there', async () => {
    const { giver, taker, clock } = await pair();
    const first = await accept(giver.queue, 'stuck');
    const second = await accept(giver.queue, 'waiting');
    const lane = homeOf(giver);
    const given = giver.queue.giveAway(lane, taker.queue.worker);
    await clock.advance(16_000);
    expect(await given).toBe(false);
    expect(giver.queue.owns(first)).toBe(true);
    giver.deliver();
    await clock.advance(1000);
    expect(giver.attempted).toEqual([first, second]);
    expect(idsOf(taker)).toEqual([]);
  });

  it('is taken by nobody else before a term is over, and by anybody after it', async () => {
    const { giver, taker, disk, clock } = await pair();
    const third = await worker(disk, clock, 3);
    await accept(giver.queue, 'delivered');
    const id = await accept(giver.queue, 'message');
    await settleDown();
    giver.deliver();
    await settleDown();
    expect(giver.attempted).toHaveLength(2);
    giver.deliver();
    const held = giver.queue.draft();
    await held.commit(envelopeOf('m'), [jobFor([0], { dueAt: Number.MAX_SAFE_INTEGER })]);
    expect(await giver.queue.giveAway(id.split('-')[0]!, 'aaaaaaaaaaaa')).toBe(true);
    await clock.advance(9000);
    expect([giver, taker, third].flatMap(idsOf)).toEqual([]);
    await clock.advance(5000);
    expect([giver, taker, third].flatMap(idsOf)).toEqual([held.id]);
  });

  it('is not given where it is not ours, or no new home can be had', async () => {
    const { giver, taker, disk } = await pair();
    expect(await giver.queue.giveAway(homeOf(taker), taker.queue.worker)).toBe(false);
    const id = await accept(giver.queue, 'message');
    disk.inject = (step) => (step.operation === 'makeDirectory' ? diskError('EIO', step) : undefined);
    await expect(giver.queue.giveAway(homeOf(giver), taker.queue.worker)).rejects.toThrow('EIO');
    disk.inject = () => undefined;
    expect(giver.queue.owns(id)).toBe(true);
    await accept(giver.queue, 'another');
  });

  it('is let go for anybody where the giver stops meanwhile', async () => {
    const { giver, taker, clock } = await pair();
    await accept(giver.queue, 'under way');
    const id = await accept(giver.queue, 'message');
    const given = giver.queue.giveAway(homeOf(giver), taker.queue.worker);
    await settleDown();
    const released = giver.queue.release();
    giver.deliver();
    await released;
    expect(await given).toBe(false);
    await clock.advance(1000);
    expect(taker.queue.entry(id)).toBeDefined();
  });

  it('is served again where word of it took so long that it has come back to its giver', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    const giver = await worker(disk, clock, 1);
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push(await accept(giver.queue, `m${i}`));
    await settleDown();
    const marker = holdNext(disk, 'create', (path) => path.includes('/released/'));
    const given = giver.queue.giveAway(homeOf(giver), 'aaaaaaaaaaaa');
    await settleDown();
    giver.deliver();
    await marker.reached;
    expect(giver.queue.owns(ids[4]!)).toBe(false);
    for (let n = 0; n < 60 && !giver.queue.owns(ids[4]!); n += 1) await clock.advance(500);
    expect(giver.queue.owns(ids[4]!)).toBe(true);
    marker.go();
    await given;
    for (let n = 0; n < 20; n += 1) {
      giver.deliver();
      await clock.advance(1000);
    }
    expect([...giver.attempted].sort()).toEqual([...ids].sort());
  });

  it('is another’s after a term where the disk hangs in what nobody needs', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    const giver = await openTestQueue({ disk, clock, seed: 1, othersGone: false });
    const taker = await openTestQueue({ disk, clock, seed: 2, othersGone: false });
    const id = await accept(giver.queue, 'm');
    const snapshot = holdNext(disk, 'create', (path) => path.includes('/snapshot.'));
    const given = giver.queue.giveAway(homeOf(giver), taker.queue.worker);
    await snapshot.reached;
    for (let n = 0; n < 60 && !taker.queue.owns(id); n += 1) await clock.advance(1000);
    expect(taker.queue.owns(id)).toBe(true);
    snapshot.go();
    await given;
    expect(taker.queue.owns(id)).toBe(true);
  });
});

describe('what is said of lanes', () => {
  it('is what they hold, and what may be tried', async () => {
    const { giver, clock } = await pair();
    await accept(giver.queue, 'message');
    const draft = giver.queue.draft();
    const later = [jobFor([0], { dueAt: clock.now() + 1000 }), jobFor([1], { held: true })];
    await draft.commit(envelopeOf('m', 2), later);
    expect(giver.queue.lanes()).toMatchObject([{ messages: 2, bytes: 7, due: 1, home: true }]);
  });
});
