/** Whose turn comes first (RFC 6710 §5.1), and what has a deadline (RFC 2852 §4.1.3). */
import { describe, expect, it } from 'vitest';
import { answered, down, settled, stored, world } from './testing/world.ts';
import type { AttemptReport } from './types.ts';

/** Attempts that end one after the other, as the test says so. */
function oneByOne() {
  const tried: string[] = [];
  const ends: (() => void)[] = [];
  const all = world(async (work) => {
    tried.push(work.id);
    await new Promise<void>((resolve) => {
      ends.push(resolve);
    });
    return answered;
  }, 1);
  return {
    ...all,
    tried,
    async endAll() {
      for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
        end();
        await settled();
      }
    },
  };
}

describe('priority', () => {
  it('sends the highest first of what waits for a destination, tried before or not', async () => {
    const { add, tried, endAll } = oneByOne();
    add('is under way');
    add('bulk', { priority: -4 });
    add('usual');
    add('tried before', { attempts: 2, priority: 1 });
    add('urgent', { priority: 6 });
    await settled();
    await endAll();
    expect(tried).toEqual(['is under way', 'urgent', 'tried before', 'usual', 'bulk']);
  });

  it('takes destinations with urgent mail first, and those with nothing but bulk mail in one of four turns', async () => {
    const tried: string[] = [];
    const ends: (() => void)[] = [];
    const { add } = world(async (work) => {
      tried.push(work.id);
      await new Promise<void>((resolve) => {
        ends.push(resolve);
      });
      return answered;
    });
    // As many as may be under way at destinations that have not answered yet.
    for (let n = 0; n < 128; n += 1) add(`full ${n}`, { destination: `mx:${n}.test` });
    await settled();
    expect(tried).toHaveLength(128);
    for (let n = 0; n < 8; n += 1) {
      add(`bulk ${n}`, { destination: `mx:bulk${n}.test`, priority: -1 });
      add(`usual ${n}`, { destination: `mx:usual${n}.test` });
    }
    add('urgent', { destination: 'mx:urgent.test', priority: 1 });
    for (const end of ends.splice(0, 9)) {
      end();
      await settled();
    }
    const next = tried.slice(128);
    expect(next).toHaveLength(9);
    expect(next[0]).toBe('urgent');
    expect(next.filter((id) => id.startsWith('bulk'))).toHaveLength(2);
  });
});

describe('a deadline', () => {
  const LATER: AttemptReport = { destination: 'untried', stored };

  it('ends what waits for a destination that is down, at its time', async () => {
    const { add, clock, lapsed } = world(async () => down);
    add('makes it down');
    await settled();
    add('waits', { deliverBy: clock.now() + 20_000 });
    await clock.move(19_000);
    expect(lapsed).toEqual([]);
    await clock.move(1100);
    expect(lapsed).toEqual(['waits']);
  });

  it('ends what waits for its turn, and leaves alone what is under way', async () => {
    const { add, clock, lapsed, tried, endAll } = oneByOne();
    add('under way', { deliverBy: clock.now() + 1000 });
    add('waits', { deliverBy: clock.now() + 1000 });
    await settled();
    await clock.move(1100);
    expect(lapsed).toEqual(['waits']);
    await endAll();
    expect(tried).toEqual(['under way']);
  });

  it('ends once what was ready twice before it', async () => {
    const { add, clock, lapsed, messages, scheduler } = world(async () => down);
    add('makes it down');
    await settled();
    add('waits', { deliverBy: clock.now() + 1000 });
    const entry = messages.get('waits')!;
    scheduler.add(entry, entry.jobs);
    await clock.move(1100);
    expect(lapsed).toEqual(['waits']);
  });

  it('is looked at no more often than every 30 s, where nothing could be done about it', async () => {
    let looks = 0;
    const { add, clock } = world(
      async () => down,
      20,
      undefined,
      undefined,
      undefined,
      // The clock isn't trusted: nothing may expire.
      async () => {
        looks += 1;
        return LATER;
      },
    );
    add('makes it down');
    await settled();
    add('waits', { deliverBy: clock.now() + 1000 });
    await clock.move(20_000);
    expect(looks).toBe(1);
    await clock.move(25_000);
    expect(looks).toBe(2);
  });

  it('whose message can not be read holds up nobody else', async () => {
    let isDown = true;
    const hangs = () => new Promise<never>(() => {});
    const { add, clock, messages } = world(
      async () => (isDown ? down : answered),
      20,
      undefined,
      undefined,
      undefined,
      hangs,
    );
    add('makes it down');
    await settled();
    add('waits', { deliverBy: clock.now() + 1000 });
    await clock.move(2000);
    isDown = false;
    add('is due later', { destination: 'mx:b.test', dueAt: clock.now() + 5000 });
    await clock.move(200_000);
    expect([...messages.keys()]).toEqual(['waits']);
  });
});
