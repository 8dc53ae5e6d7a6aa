import { describe, expect, it } from 'vitest';
import { settled, testClock } from '../schedule/testing/world.ts';
import type { RoomAsked } from '../schedule/types.ts';
import type { WorkerNeed } from './fair-split.ts';
import { WorkerRoom } from './worker-room.ts';

const KEY = 'mx:a.test';
const ID = `connections ${KEY}`;

/** A worker's room, and a supervisor that grants what the test says. */
function world(period?: number) {
  const clock = testClock();
  const told = new Map<string, WorkerNeed>();
  const open = new Map<string, number>();
  const trimmed: string[] = [];
  const more: string[] = [];
  let number = 0;
  const room = new WorkerRoom({
    clock,
    tell: (needs) => {
      for (const need of needs) told.set(need.id, need);
    },
    period: () => period,
    open: (key) => open.get(key) ?? 0,
    trim: (key, most) => trimmed.push(`${key} ${most}`),
  });
  room.onMore((key) => more.push(key));
  const grant = (id: string, tokens: number) => {
    number += 1;
    room.grant([{ id, tokens, number }]);
  };
  const ask = (wanted: number, { key = KEY, active = 0, down = false }: Partial<RoomAsked> = {}) =>
    room.of({ key, active, wanted, down });
  return { clock, told, open, trimmed, more, room, grant, ask };
}

describe('room at a destination', () => {
  it('is asked for by wanting it, is none until it is granted, and then is what was granted', async () => {
    const { ask, told, grant, more } = world();
    expect(ask(5)).toBe(0);
    await settled();
    expect(told.get(ID)).toEqual({ id: ID, want: 5, use: 0, by: 0 });
    grant(ID, 3);
    expect(more).toEqual([KEY]);
    expect(ask(5)).toBe(3);
  });

  it('that is neither wanted nor used any more goes back within a second, and is forgotten', async () => {
    const { ask, told, grant, clock } = world();
    ask(5);
    grant(ID, 5);
    ask(5, { active: 5 });
    await clock.move(1100);
    expect(told.get(ID)).toMatchObject({ want: 5, use: 5, by: 1 });
    ask(0);
    await clock.move(1100);
    expect(told.get(ID)).toMatchObject({ want: 0, use: 0, by: 1 });
    told.clear();
    await clock.move(5000);
    expect([...told]).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it('is not asked for again with each message while more is wanted than there is', async () => {
    const { ask, told, grant, clock } = world();
    ask(4);
    await settled();
    grant(ID, 3);
    for (const wanted of [4, 5, 3, 7, 2, 6]) ask(wanted, { active: 2 });
    await settled();
    expect(told.get(ID)).toMatchObject({ want: 4 });
    ask(8, { active: 3 });
    await settled();
    expect(told.get(ID)).toMatchObject({ want: 8 });
    grant(ID, 10);
    ask(11, { active: 3 });
    await settled();
    expect(told.get(ID)).toMatchObject({ want: 11 });
    ask(2, { active: 2 });
    await clock.move(1100);
    expect(told.get(ID)).toMatchObject({ want: 11 });
    await clock.move(1100);
    expect(told.get(ID)).toMatchObject({ want: 2 });
  });

  it('stays in use for as long as a connection is open', async () => {
    const { ask, told, grant, clock, open } = world();
    ask(2);
    grant(ID, 2);
    ask(0);
    open.set(KEY, 1);
    await clock.move(1100);
    expect(told.get(ID)).toMatchObject({ want: 0, use: 1 });
    open.delete(KEY);
    await clock.move(1100);
    expect(told.get(ID)).toMatchObject({ want: 0, use: 0 });
  });

  it('that is taken back closes idle connections, and tells at once what is in use, and when that ends', async () => {
    const { ask, told, grant, trimmed, more } = world();
    ask(4);
    grant(ID, 4);
    ask(4, { active: 4 });
    more.length = 0;
    grant(ID, 1);
    await settled();
    expect(trimmed).toEqual([`${KEY} 1`]);
    expect(told.get(ID)).toMatchObject({ use: 4, by: 2 });
    expect(more).toEqual([]);
    expect(ask(4, { active: 3 })).toBe(1);
    await settled();
    expect(told.get(ID)).toMatchObject({ use: 3, by: 2 });
  });

  it('that is taken back is told of again when a connection beyond it has closed', async () => {
    const { ask, told, grant, room, open } = world();
    ask(4);
    grant(ID, 4);
    open.set(KEY, 4);
    ask(0);
    grant(ID, 1);
    await settled();
    expect(told.get(ID)).toMatchObject({ use: 4, by: 2 });
    expect(room.most(KEY)).toBe(1);
    open.set(KEY, 3);
    room.closed(KEY);
    await settled();
    expect(told.get(ID)).toMatchObject({ use: 3, by: 2 });
  });

  it('that comes when nobody wants it is declined', async () => {
    const { told, grant } = world();
    grant('connections mx:gone.test', 4);
    expect(told.get('connections mx:gone.test')).toMatchObject({ want: 0, use: 0, by: 1 });
  });

  it('goes by the newest grant, in whatever order they come', () => {
    const { ask, room } = world();
    ask(5);
    room.grant([{ id: ID, tokens: 2, number: 7 }]);
    room.grant([{ id: ID, tokens: 5, number: 6 }]);
    expect(ask(5)).toBe(2);
  });
});

describe('the probe of a destination that is down', () => {
  it('is asked for before a connection, which whoever may probe has need of', async () => {
    const { ask, told, grant } = world();
    expect(ask(1, { down: true })).toBe(0);
    await settled();
    expect([...told.keys()]).toEqual([`probe ${KEY}`]);
    grant(`probe ${KEY}`, 1);
    expect(ask(1, { down: true })).toBe(0);
    await settled();
    expect(told.get(ID)).toMatchObject({ want: 1 });
    grant(ID, 1);
    expect(ask(1, { down: true })).toBe(1);
  });

  it('is over as soon as the destination answers, whatever then goes there', async () => {
    const { ask, told, grant, clock } = world();
    ask(1, { down: true });
    grant(`probe ${KEY}`, 1);
    ask(1, { down: true });
    grant(ID, 10);
    ask(1, { down: true, active: 1 });
    await clock.move(1100);
    expect(told.get(`probe ${KEY}`)).toMatchObject({ want: 1, use: 1 });
    expect(ask(10, { active: 7 })).toBe(10);
    await clock.move(1100);
    expect(told.get(`probe ${KEY}`)).toMatchObject({ want: 0, use: 0 });
    expect(told.get(ID)).toMatchObject({ use: 7 });
  });
});

describe('a rate', () => {
  it('leaves room for as many as have not been sent within its period', async () => {
    const { ask, told, grant, room, clock, more } = world(10);
    ask(3);
    await settled();
    expect(told.get(`rate ${KEY}`)).toMatchObject({ want: 3, use: 0 });
    grant(ID, 20);
    grant(`rate ${KEY}`, 2);
    expect(ask(3)).toBe(2);
    room.began(KEY);
    room.began(KEY);
    await settled();
    expect(told.get(`rate ${KEY}`)).toMatchObject({ use: 2 });
    // Both are under way; a third would be one too many.
    expect(ask(3, { active: 2 })).toBe(2);
    expect(ask(1)).toBe(0);
    more.length = 0;
    await clock.move(10_000);
    expect(ask(1)).toBe(0);
    await clock.move(200);
    expect(more).toContain(KEY);
    expect(ask(1)).toBe(2);
  });

  it('is waited for once, however often it is asked about', async () => {
    const { ask, grant, room, clock } = world(3600);
    ask(1);
    grant(ID, 20);
    grant(`rate ${KEY}`, 1);
    room.began(KEY);
    for (let n = 0; n < 1000; n += 1) ask(1);
    // Beside it there is the one that tells the supervisor once a second.
    expect(clock.timers).toBeLessThanOrEqual(2);
  });
});

describe('questions without an answer', () => {
  it('are bounded, and the others have their turn as soon as some have one', async () => {
    const { ask, told, grant, more } = world();
    for (let n = 0; n < 1000; n += 1) ask(1, { key: `mx:${n}.test` });
    await settled();
    expect(told.size).toBe(256);
    for (const id of [...told.keys()]) grant(id, 1);
    await settled();
    const later = more.filter((key) => !told.has(`connections ${key}`));
    expect(later.length).toBe(744);
    for (const key of later) ask(1, { key });
    await settled();
    expect(told.size).toBe(512);
  });

  it('keep nobody from room that was granted', () => {
    const { ask, grant } = world();
    ask(5);
    grant(ID, 5);
    for (let n = 0; n < 1000; n += 1) ask(1, { key: `mx:${n}.test` });
    expect(ask(5)).toBe(5);
  });

  it('about probes that others make just now keep no destination that is up from its connections', async () => {
    const { ask, told } = world();
    for (let n = 0; n < 1000; n += 1) ask(1, { key: `mx:down-${n}.test`, down: true });
    ask(1);
    await settled();
    expect(told.get(ID)).toMatchObject({ want: 1 });
  });

  it('leave their place when nothing is wanted any more', async () => {
    const { ask, more } = world();
    for (let n = 0; n < 300; n += 1) ask(1, { key: `mx:${n}.test` });
    expect(more).toEqual([]);
    for (let n = 0; n < 256; n += 1) ask(0, { key: `mx:${n}.test` });
    await settled();
    expect(more).toEqual(Array.from({ length: 44 }, (_, n) => `mx:${256 + n}.test`));
  });
});
