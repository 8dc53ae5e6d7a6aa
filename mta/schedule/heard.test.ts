/** What processes tell each other of destinations, and what they ask of the room that they share. */
import { describe, expect, it } from 'vitest';
import { answered, down, settled, stored, world } from './testing/world.ts';
import type { Room, RoomAsked } from './types.ts';

const KEY = 'mx:a.test';
const reply = { code: 451, enhanced: '4.4.1', text: 'No answer' };

/** Keeps what was asked last of each destination; `open` makes more room. */
function askedRoom(limit = 20) {
  const last = new Map<string, RoomAsked>();
  let listener = (_key: string) => {};
  let most = limit;
  const room: Room = {
    of(asked) {
      last.set(asked.key, asked);
      return most;
    },
    began: () => {},
    onMore(given) {
      listener = given;
    },
  };
  const open = (key: string, tokens: number) => {
    most = tokens;
    listener(key);
  };
  return { last, room, open };
}

describe('what another process has learnt of a destination', () => {
  it('keeps us from asking one that is down until its time has come, and then one attempt asks', async () => {
    const tried: number[] = [];
    const { add, scheduler, clock } = world(async () => {
      tried.push(clock.now());
      return down;
    });
    scheduler.heard({ destination: KEY, down: { waitMs: 30_000, reply } });
    for (let n = 0; n < 5; n += 1) add(`m${n}`);
    const start = clock.now();
    await clock.move(29_000);
    expect(tried).toEqual([]);
    await clock.move(2000);
    expect(tried.map((at) => at - start)).toEqual([30_000]);
  });

  it('lets all that waits go on as soon as it answers', async () => {
    const tried: string[] = [];
    const { add, scheduler, clock } = world(async (work) => {
      tried.push(work.id);
      return answered;
    });
    scheduler.heard({ destination: KEY, down: { waitMs: 600_000, reply } });
    for (let n = 0; n < 20; n += 1) add(`m${n}`);
    await clock.move(1000);
    expect(tried).toEqual([]);
    scheduler.heard({ destination: KEY });
    for (let n = 0; n < 40; n += 1) await settled();
    expect(tried).toHaveLength(20);
  });

  it('makes a wait longer, never shorter', async () => {
    const tried: number[] = [];
    const { add, scheduler, clock } = world(async () => {
      tried.push(clock.now());
      return answered;
    });
    const start = clock.now();
    for (const waitMs of [10_000, 40_000, 20_000]) {
      scheduler.heard({ destination: KEY, down: { waitMs, reply } });
    }
    add('m');
    await clock.move(60_000);
    expect(tried.map((at) => at - start)).toEqual([40_000]);
  });

  it('counts for no longer than our own longest wait, whatever it says', async () => {
    const tried: number[] = [];
    const { add, scheduler, clock } = world(async () => {
      tried.push(clock.now());
      return answered;
    });
    const start = clock.now();
    scheduler.heard({ destination: KEY, down: { waitMs: Number.MAX_VALUE, reply } });
    add('m');
    await clock.move(3_700_000);
    expect(tried.map((at) => at - start)).toEqual([3_600_000]);
  });

  it('ends what has waited too long: it may always be another that asks', async () => {
    const { add, scheduler, clock, lapsed } = world(async () => down);
    scheduler.heard({ destination: KEY, down: { waitMs: 3_000_000, reply } });
    add('m');
    for (let hours = 0; hours < 25; hours += 0.5) {
      await clock.move(1_800_000);
      scheduler.heard({ destination: KEY, down: { waitMs: 3_000_000, reply } });
    }
    for (let n = 0; n < 5; n += 1) await settled();
    expect(lapsed).toEqual(['m']);
  });

  it('of one that we have nothing for is forgotten when its time has come', async () => {
    const { scheduler, clock } = world(async () => answered);
    scheduler.heard({ destination: KEY, down: { waitMs: 1000, reply } });
    expect(scheduler.destination(KEY)?.failures).toBe(1);
    await clock.move(2000);
    expect(scheduler.destination(KEY)).toBeUndefined();
  });
});

describe('what we have learnt', () => {
  it('is told once when it goes down, and once when it is back', async () => {
    let up = false;
    const { add, learnt, clock } = world(async () => (up ? answered : down));
    for (let n = 0; n < 3; n += 1) add(`m${n}`);
    await settled();
    expect(learnt).toEqual([{ destination: KEY, down: { waitMs: 60_000, reply: down.reply } }]);
    up = true;
    await clock.move(200_000);
    expect(learnt.slice(1)).toEqual([{ destination: KEY }]);
  });
});

describe('room that is no longer wanted', () => {
  it('is given back with the last attempt', async () => {
    const { last, room } = askedRoom();
    const { add } = world(async () => answered, 20, undefined, room);
    for (let n = 0; n < 3; n += 1) add(`m${n}`);
    for (let n = 0; n < 10; n += 1) await settled();
    expect(last.get(KEY)).toMatchObject({ active: 0, wanted: 0 });
  });

  it('is given back where what waited for it has gone by then', async () => {
    const { last, room, open } = askedRoom(0);
    const { add, messages } = world(async () => answered, 20, undefined, room);
    add('m');
    expect(last.get(KEY)).toMatchObject({ active: 0, wanted: 1 });
    messages.delete('m');
    open(KEY, 20);
    await settled();
    expect(last.get(KEY)).toMatchObject({ active: 0, wanted: 0 });
  });

  it('is given back while a destination is down', async () => {
    const { last, room } = askedRoom();
    const { add, scheduler } = world(async () => ({ destination: 'untried', stored }), 20, undefined, room);
    scheduler.heard({ destination: KEY, down: { waitMs: 60_000, reply } });
    add('m');
    await settled();
    expect(last.get(KEY)).toMatchObject({ active: 0, wanted: 0, down: true });
  });
});
