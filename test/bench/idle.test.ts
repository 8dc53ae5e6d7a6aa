import { describe, expect, it } from 'vitest';
import { idleness, ticksOf } from './idle.ts';

describe('an idle machine', () => {
  it('is read from the first line of /proc/stat', () => {
    const stat = 'cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n';
    expect(ticksOf(stat)).toEqual({ idle: 450, nice: 20, all: 621 });
  });

  it.each([
    ['idle', { idle: 90, nice: 0 }],
    ['yielding', { idle: 5, nice: 90 }],
    ['busy', { idle: 60, nice: 20 }],
    ['busy', { idle: 0, nice: 0 }],
  ])('is %s with %j of 100 ticks', (expected, ticks) => {
    const before = { idle: 1000, nice: 500, all: 4000 };
    const now = { idle: 1000 + ticks.idle, nice: 500 + ticks.nice, all: 4100 };
    expect(idleness(before, now)).toBe(expected);
  });
});
