import { describe, expect, it } from 'vitest';
import type { LaneSummary } from '../queue/types.ts';
import { laneToGive, pairToBalance, type WorkerLoad } from './balance.ts';

const load = (worker: string, ready: number, active = 0): WorkerLoad => ({
  worker,
  ready,
  active,
  capacity: 256,
});
const lane = (id: string, due: number, more: Partial<LaneSummary> = {}): LaneSummary => ({
  id,
  messages: due,
  bytes: due,
  due,
  home: false,
  ...more,
});
const awake = () => false;

describe('who gives to whom', () => {
  const pairOf = (loads: readonly WorkerLoad[], rests: (worker: string) => boolean = awake) => {
    const pair = pairToBalance(loads, rests);
    return pair && [pair.from.worker, pair.to.worker];
  };

  it('is the one with the longest backlog, to the idlest', () => {
    expect(pairOf([load('a', 500), load('b', 90_000), load('c', 3), load('d', 40_000)])).toEqual(['b', 'c']);
  });

  it('is the same in whatever order they were heard', () => {
    const loads = [load('a', 5000), load('b', 5000), load('c', 0), load('d', 0)];
    expect(pairOf(loads)).toEqual(pairOf([...loads].reverse()));
  });

  it.each([
    ['a backlog is short', [load('a', 999), load('b', 0)]],
    ['nobody is idle', [load('a', 9000), load('b', 2000)]],
    ['the other is at work on what it has', [load('a', 9000), load('b', 0, 200)]],
    ['there is nobody else', [load('a', 9000)]],
    ['there is nobody', []],
  ])('is nobody where %s', (_case, loads) => {
    expect(pairOf(loads)).toBeUndefined();
  });

  it('leaves out who has just taken part', () => {
    const loads = [load('a', 9000), load('b', 8000), load('c', 0)];
    expect(pairOf(loads, (worker) => worker === 'a')).toEqual(['b', 'c']);
    expect(pairOf(loads, (worker) => worker === 'c')).toBeUndefined();
  });
});

describe('which lane is given', () => {
  it('is the adopted one with the most work that evens the two out', () => {
    const lanes = [lane('home', 4000, { home: true }), lane('a', 300), lane('b', 3000), lane('c', 9000)];
    expect(laneToGive(lanes, 10_000)).toBe('b');
  });

  it('is the home, whole, where it is all there is', () => {
    expect(laneToGive([lane('home', 90_000, { home: true })], 90_000)).toBe('home');
  });

  it('is none that would come back: an adopted one that is all of the backlog', () => {
    expect(laneToGive([lane('a', 90_000), lane('home', 10, { home: true })], 90_000)).toBeUndefined();
  });

  it('is none that is mostly deferred, or hardly any work', () => {
    expect(laneToGive([lane('home', 2000, { home: true, messages: 1_000_000 })], 9000)).toBeUndefined();
    expect(laneToGive([lane('a', 100)], 9000)).toBeUndefined();
  });

  it('comes to an end: two workers move each lane at most once', () => {
    const held: Record<'a' | 'b', LaneSummary[]> = {
      a: [lane('home a', 50_000, { home: true }), lane('old', 30_000)],
      b: [lane('home b', 0, { home: true })],
    };
    const ready = (lanes: readonly LaneSummary[]) => lanes.reduce((sum, { due }) => sum + due, 0);
    const moves: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      const loads = [load('a', ready(held.a)), load('b', ready(held.b))];
      const pair = pairToBalance(loads, awake);
      if (!pair) break;
      const [from, to] = pair.from.worker === 'a' ? (['a', 'b'] as const) : (['b', 'a'] as const);
      const id = laneToGive(held[from], pair.from.ready - pair.to.ready);
      if (id === undefined) break;
      moves.push(id);
      const moved = held[from].find((each) => each.id === id)!;
      held[from] = held[from].filter((each) => each !== moved);
      if (moved.home) held[from].push(lane(`home ${from} ${round}`, 0, { home: true }));
      held[to].push({ ...moved, home: false });
    }
    expect(moves).toEqual(['old']);
  });
});
