import { describe, expect, it } from 'vitest';
import { answered, down, settled, world } from './testing/world.ts';

describe('Scheduler', () => {
  it('tries what is due now, and what is due later when its time has come', async () => {
    const tried: string[] = [];
    const { add, clock } = world(async (work) => {
      tried.push(work.id);
      return answered;
    });
    add('now');
    add('later', { dueAt: clock.now() + 5000 });
    await settled();
    expect(tried).toEqual(['now']);
    await clock.move(4000);
    expect(tried).toEqual(['now']);
    await clock.move(1100);
    expect(tried).toEqual(['now', 'later']);
  });

  it('leaves held jobs alone', async () => {
    const tried: string[] = [];
    const { add, clock } = world(async (work) => {
      tried.push(work.id);
      return answered;
    });
    add('held', { held: true });
    await clock.move(100_000);
    expect(tried).toEqual([]);
  });

  it('tries a job that the queue has made anew without changing it', async () => {
    const tried: string[] = [];
    const { add, messages, clock } = world(async (work) => {
      tried.push(work.id);
      return answered;
    });
    add('m', { dueAt: clock.now() + 5000 });
    // Another job of the same message was settled: the queue's jobs are equal, but other objects.
    const entry = messages.get('m')!;
    messages.set('m', { ...entry, jobs: entry.jobs.map((job) => ({ ...job })) });
    await clock.move(6000);
    expect(tried).toEqual(['m']);
  });

  it('drops a plan that has been overtaken', async () => {
    const tried: number[] = [];
    const { add, messages, scheduler, clock } = world(async (work) => {
      tried.push(work.job.dueAt);
      messages.delete(work.id);
      return answered;
    });
    add('m', { dueAt: clock.now() + 60_000 });
    const entry = messages.get('m')!;
    const sooner = entry.jobs.map((job) => ({ ...job, dueAt: clock.now() + 1000 }));
    messages.set('m', { ...entry, jobs: sooner });
    scheduler.add(entry, sooner);
    await clock.move(120_000);
    expect(tried).toEqual([sooner[0]!.dueAt]);
  });

  it('keeps to the limit of a destination, and opens up to it as attempts succeed', async () => {
    let running = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const { add } = world(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => waiting.push(resolve));
      running -= 1;
      return answered;
    }, 6);
    for (let n = 0; n < 100; n += 1) add(`m${n}`);
    expect(most).toBe(1);
    waiting.shift()!();
    await settled();
    expect(most).toBe(4);
    for (let n = 1; n < 100; n += 1) {
      waiting.shift()!();
      await settled();
    }
    expect(most).toBe(6);
    expect(running).toBe(0);
  });

  it('lets another destination pass one that is busy', async () => {
    const tried: string[] = [];
    const { add } = world((work) => {
      tried.push(work.id);
      return work.job.destination === 'mx:a.test' ? new Promise(() => {}) : Promise.resolve(answered);
    });
    for (let n = 0; n < 50; n += 1) add(`a${n}`);
    add('b', { destination: 'mx:b.test' });
    await settled();
    expect(tried).toContain('b');
  });

  it('probes a destination that is down with one attempt at a time, further and further apart', async () => {
    const tried: number[] = [];
    const { add, clock } = world(async () => {
      tried.push(clock.now());
      return down;
    });
    const start = clock.now();
    for (let n = 0; n < 10; n += 1) add(`m${n}`);
    await settled();
    expect(tried).toHaveLength(1);
    await clock.move(3600_000);
    const later = tried.slice(1).map((at) => Math.round((at - start) / 1000));
    expect(later.length).toBeGreaterThan(0);
    expect(later.length).toBeLessThan(6);
    const gaps = later.slice(1).map((at, n) => at - later[n]!);
    expect(gaps).toEqual(gaps.toSorted((a, b) => a - b));
  });

  it('leaves a destination alone for as long as that asked, where it would be tried before', async () => {
    const tried: number[] = [];
    const { add, clock, learnt } = world(async () => {
      tried.push(clock.now());
      return { ...down, waitMs: 600_000 };
    });
    const start = clock.now();
    for (let n = 0; n < 3; n += 1) add(`m${n}`);
    await settled();
    await clock.move(599_000);
    expect(tried).toEqual([start]);
    expect(learnt).toMatchObject([{ down: { waitMs: 600_000 } }]);
    await clock.move(2000);
    expect(tried).toHaveLength(2);
  });

  it('sends everything that waited once a probe succeeds', async () => {
    let up = false;
    const done: string[] = [];
    const { add, clock } = world(async (work) => {
      if (up) done.push(work.id);
      return up ? answered : down;
    });
    for (let n = 0; n < 20; n += 1) add(`m${n}`);
    await settled();
    up = true;
    await clock.move(4000_000);
    expect(done).toHaveLength(20);
  });

  it('leaves alone what was held while others were looked through', async () => {
    let fail = (): void => undefined;
    const { add, messages, lapsed } = world(async () => {
      await new Promise<void>((resolve) => {
        fail = resolve;
      });
      const late = messages.get('late')!;
      setImmediate(() => messages.set('late', { ...late, jobs: [{ ...late.jobs[0]!, held: true }] }));
      return down;
    }, 1);
    add('tried');
    for (const id of ['late', ...Array.from({ length: 1100 }, (_, n) => `m${n}`)]) add(id);
    messages.set('late', { ...messages.get('late')!, arrivedAt: -100_000_000 });
    messages.set('m9', { ...messages.get('m9')!, arrivedAt: -100_000_000 });
    fail();
    for (let n = 0; n < 10; n += 1) await settled();
    expect(lapsed).toEqual(['m9']);
  });

  it('ends what outlives its lifetime while its destination is down, and drops what the queue no longer has', async () => {
    const { add, clock, lapsed, messages } = world(async () => down);
    for (let n = 0; n < 80; n += 1) add(`m${n}`);
    await settled();
    messages.delete('m70');
    await clock.move(2 * 86_400_000);
    expect(lapsed.length).toBeGreaterThan(40);
    expect(lapsed).not.toContain('m70');
  });

  it('gives senders turns, and fresh mail three turns of four', async () => {
    const order: string[] = [];
    const { add, scheduler } = world(async (work) => {
      order.push(work.id);
      return answered;
    }, 1);
    scheduler.add({ handle: 0, sender: '' }, []);
    for (let n = 0; n < 12; n += 1) add(`retry${n}`, { attempts: 3 });
    for (let n = 0; n < 12; n += 1) add(`fresh${n}`);
    add('other', { sender: 'berta' });
    for (let n = 0; n < 40; n += 1) await settled();
    expect(order).toHaveLength(25);
    expect(order.indexOf('other')).toBeLessThan(8);
    expect(order.slice(0, 13).filter((id) => id.startsWith('retry')).length).toBeLessThan(7);
    expect(order.slice(0, 13).filter((id) => id.startsWith('retry')).length).toBeGreaterThan(1);
  });

  it('puts a job back when its attempt fails by a defect, and tells of it', async () => {
    let calls = 0;
    const { add, clock, defects } = world(async () => {
      calls += 1;
      if (calls === 1) throw new Error('defect');
      return answered;
    });
    add('m');
    await settled();
    expect(defects).toHaveLength(1);
    await clock.move(61_000);
    expect(calls).toBe(2);
  });

  it('frees the place at a destination before the outcome is stored, but drains only after', async () => {
    const tried: string[] = [];
    const stores: (() => void)[] = [];
    const { add, scheduler, messages } = world(async (work) => {
      tried.push(work.id);
      messages.delete(work.id);
      const stored = new Promise<void>((resolve) => void stores.push(resolve));
      return { destination: 'answered', stored };
    }, 1);
    for (let n = 0; n < 300; n += 1) add(`m${n}`);
    for (let n = 0; n < 400; n += 1) await settled();
    expect(tried).toHaveLength(256);
    for (const store of stores.splice(0, 10)) store();
    for (let n = 0; n < 40; n += 1) await settled();
    expect(tried).toHaveLength(266);

    let drained = false;
    const drain = scheduler.drain().then(() => {
      drained = true;
    });
    await settled();
    expect(drained).toBe(false);
    for (const store of stores.splice(0)) store();
    await drain;
    expect(tried).toHaveLength(266);
  });

  it('drains: starts nothing new and resolves with the last attempt', async () => {
    let finish = () => {};
    const tried: string[] = [];
    const { add, scheduler } = world(async (work) => {
      tried.push(work.id);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return answered;
    }, 1);
    add('first');
    add('second');
    let drained = false;
    const drain = scheduler.drain().then(() => {
      drained = true;
    });
    await settled();
    expect(drained).toBe(false);
    finish();
    await drain;
    expect(tried).toEqual(['first']);
  });

  it('tries a destination that is down at once when a person asks', async () => {
    let up = false;
    const { add, scheduler, messages, clock } = world(async (work) => {
      if (up) messages.delete(work.id);
      return up ? answered : down;
    });
    for (let n = 0; n < 6; n += 1) add(`m${n}`);
    await settled();
    up = true;
    scheduler.wake('mx:a.test');
    await settled();
    await settled();
    expect(messages.size).toBeLessThan(6);
    await clock.move(1);
  });
});
