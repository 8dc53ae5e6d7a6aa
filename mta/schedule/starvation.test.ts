/** What nobody may bring about: work that is forgotten, and work that keeps others from theirs. */
import { describe, expect, it } from 'vitest';
import type { Work } from './destination.ts';
import { answered, down, settled, stored, world } from './testing/world.ts';
import type { Room, RoomAsked } from './types.ts';

const turns = async (count: number) => {
  for (let n = 0; n < count; n += 1) await settled();
};

describe('no job is forgotten', () => {
  it('tries again, after a while, what an attempt has left as it was', async () => {
    let owned = false;
    const tried: number[] = [];
    const { add, clock } = world(async () => {
      tried.push(clock.now());
      return owned ? answered : { destination: 'untried', stored };
    });
    add('m');
    await settled();
    expect(tried).toHaveLength(1);
    owned = true;
    await clock.move(59_000);
    expect(tried).toHaveLength(1);
    await clock.move(2000);
    expect(tried).toHaveLength(2);
  });

  it('plans what a person released while the attempt was under way', async () => {
    let finish = () => {};
    const tried: string[] = [];
    const { add, clock, messages, scheduler } = world(async (work) => {
      tried.push(`${work.job.attempts}`);
      if (tried.length > 1) return answered;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { destination: 'untried', stored };
    });
    add('m');
    const entry = messages.get('m')!;
    const jobs = entry.jobs.map((job) => ({ ...job, dueAt: clock.now() + 1 }));
    messages.set('m', { ...entry, jobs });
    scheduler.add(entry, jobs);
    await clock.move(100);
    finish();
    await turns(3);
    expect(tried).toHaveLength(2);
  });

  it('goes on after an outcome whose storing fails against its contract', async () => {
    const tried: string[] = [];
    const { add, scheduler, defects } = world(async (work) => {
      tried.push(work.id);
      return { destination: 'answered', stored: Promise.reject(new Error('defect')) };
    });
    for (let n = 0; n < 300; n += 1) add(`m${n}`);
    await turns(400);
    expect(tried).toHaveLength(300);
    expect(defects).toHaveLength(300);
    await scheduler.drain();
  });

  it('finds a destination that was made anew while an old probe of it was still planned', async () => {
    let up = false;
    const { add, clock, scheduler } = world(async () => (up ? answered : down));
    add('first');
    await settled();
    up = true;
    add('waits for the probe');
    scheduler.wake('mx:a.test');
    await clock.move(30_000);
    await turns(3);
    expect(scheduler.destination('mx:a.test')).toBeUndefined();
    up = false;
    add('second');
    await turns(3);
    const made = scheduler.destination('mx:a.test');
    expect(made?.failures).toBe(1);
    // The probe of the first failure falls due, before that of the second.
    await clock.move(40_000);
    expect(scheduler.destination('mx:a.test')).toBe(made);
  });
});

describe('nobody is starved', () => {
  it('does not take a message that we cannot read for a destination that is down', async () => {
    const done: string[] = [];
    const { add } = world(async (work) => {
      if (work.id === 'damaged') throw new Error('damaged');
      done.push(work.id);
      return answered;
    });
    add('damaged');
    for (let n = 0; n < 20; n += 1) add(`m${n}`);
    await turns(60);
    expect(done).toHaveLength(20);
  });

  it('takes attempts that fail side by side for one failure', async () => {
    let up = true;
    const { add, clock, scheduler } = world(async () => {
      const report = up ? answered : down;
      await settled();
      return report;
    });
    for (let n = 0; n < 60; n += 1) add(`warm${n}`);
    await turns(60);
    for (let n = 0; n < 60; n += 1) add(`m${n}`);
    await settled();
    up = false;
    await turns(10);
    const destination = scheduler.destination('mx:a.test')!;
    expect(destination.failures).toBe(1);
    expect(destination.probeAt - clock.monotonic()).toBeLessThanOrEqual(60_000);
  });

  it('keeps room for destinations that answer while hundreds of others do not', async () => {
    const done: string[] = [];
    const { add } = world((work) => {
      if (work.job.destination.startsWith('mx:dead')) return new Promise(() => {});
      done.push(work.id);
      return Promise.resolve(answered);
    });
    add('known', { destination: 'mx:good.test' });
    await turns(3);
    for (let n = 0; n < 400; n += 1) add(`dead${n}`, { destination: `mx:dead${n}.test` });
    for (let n = 0; n < 20; n += 1) add(`m${n}`, { destination: 'mx:good.test' });
    await turns(60);
    expect(done).toHaveLength(21);
  });

  it('wakes those destinations whose way has changed', async () => {
    let up = false;
    const done: string[] = [];
    const { add, scheduler } = world(async (work) => {
      if (up) done.push(work.id);
      return up ? answered : down;
    });
    for (const name of ['a', 'b']) {
      add(`${name}1`, { destination: `mx:${name}.test` });
      add(`${name}2`, { destination: `mx:${name}.test` });
    }
    await turns(3);
    up = true;
    scheduler.wakeThose((key) => key === 'mx:b.test');
    await turns(5);
    expect(done.every((id) => id.startsWith('b'))).toBe(true);
    expect(done.length).toBeGreaterThan(0);
  });

  it('stores what has expired portion by portion', async () => {
    let unstored = 0;
    let most = 0;
    const { add, clock, lapsed } = world(
      async () => down,
      20,
      async () => {
        unstored += 1;
        most = Math.max(most, unstored);
        await turns(2);
        unstored -= 1;
      },
    );
    for (let n = 0; n < 500; n += 1) add(`m${n}`);
    await clock.move(2 * 86_400_000);
    await turns(100);
    expect(lapsed.length).toBeGreaterThan(400);
    expect(most).toBeLessThanOrEqual(64);
  });
});

describe('a backlog', () => {
  const never = () => new Promise<never>(() => {});

  it('of destinations that do not answer keeps no fresh mail from a destination that is new', async () => {
    const done: string[] = [];
    const { add } = world((work) => {
      if (work.job.destination.startsWith('mx:dead')) return never();
      done.push(work.id);
      return Promise.resolve(answered);
    });
    for (let n = 0; n < 5000; n += 1) add(`dead${n}`, { destination: `mx:dead${n}.test`, attempts: 3 });
    for (let n = 0; n < 50; n += 1) add(`m${n}`, { destination: `mx:new${n}.test` });
    await turns(60);
    expect(done).toHaveLength(50);
  });

  it('of destinations that are slow leaves places for fresh mail', async () => {
    const done: string[] = [];
    let slow = false;
    const { add } = world((work) => {
      if (slow && work.job.destination.startsWith('mx:slow')) return never();
      done.push(work.id);
      return Promise.resolve(answered);
    });
    for (let n = 0; n < 300; n += 1) add(`first${n}`, { destination: `mx:slow${n}.test` });
    await turns(400);
    expect(done).toHaveLength(300);
    slow = true;
    for (let n = 0; n < 6000; n += 1) add(`slow${n}`, { destination: `mx:slow${n % 300}.test`, attempts: 3 });
    for (let n = 0; n < 50; n += 1) add(`m${n}`, { destination: 'mx:quick.test' });
    await turns(60);
    expect(done).toHaveLength(350);
  });

  it('is tried all the same while there is fresh mail without end', async () => {
    let retried = 0;
    let more = 0;
    const { add } = world(async (work) => {
      await settled();
      if (work.job.attempts > 0) retried += 1;
      else if (retried < 100) add(`more${more++}`, { destination: work.job.destination });
      return answered;
    });
    for (let n = 0; n < 300; n += 1) add(`m${n}`, { destination: `mx:fresh${n % 50}.test` });
    for (let n = 0; n < 100; n += 1) add(`old${n}`, { destination: `mx:old${n % 10}.test`, attempts: 2 });
    await turns(100);
    expect(retried).toBe(100);
  });

  it('that falls due at once lets the event loop turn', async () => {
    let tried = 0;
    const { add, clock } = world(() => {
      tried += 1;
      return Promise.resolve(answered);
    });
    for (let n = 0; n < 5000; n += 1)
      add(`m${n}`, { destination: `mx:d${n % 9}.test`, dueAt: clock.now() + 1000 });
    const moved = clock.move(1100);
    await settled();
    expect(tried).toBeLessThan(5000);
    await moved;
    await turns(2000);
    expect(tried).toBe(5000);
  });

  it('whose messages have gone is dropped in portions', async () => {
    let up = false;
    const { add, clock, messages, scheduler } = world(() => Promise.resolve(up ? answered : down));
    for (let n = 0; n < 5000; n += 1) add(`m${n}`);
    await turns(2);
    messages.clear();
    up = true;
    scheduler.wake('mx:a.test');
    expect(scheduler.destination('mx:a.test')?.ready).toBeGreaterThan(0);
    await turns(20);
    await clock.move(120_000);
    await turns(20);
    expect(scheduler.destination('mx:a.test')).toBeUndefined();
  });
});

describe('destinations without room', () => {
  it('keep nobody waiting, however many they are', async () => {
    const tried: string[] = [];
    const of = ({ key }: RoomAsked) => (key === 'mx:open.test' ? 1 : 0);
    const room: Room = { of, began: () => {}, onMore: () => {} };
    const attempt = async (work: Work) => {
      tried.push(work.id);
      return answered;
    };
    const { add } = world(attempt, 20, undefined, room);
    for (let n = 0; n < 5000; n += 1) add(`shut-${n}`, { destination: `mx:shut-${n}.test` });
    add('open', { destination: 'mx:open.test' });
    await turns(10);
    expect(tried).toEqual(['open']);
  });
});
