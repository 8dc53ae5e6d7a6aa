import { describe, expect, it } from 'vitest';
import { plan, seeded } from './faults.ts';

const COUNTS = { kills: 100, stops: 10, outages: 6, full: 2 };

describe('the plan of a run', () => {
  it('has every fault that was asked for, in an order that the seed decides', () => {
    const planned = plan(COUNTS, seeded(1));
    const count = (...kinds: string[]) => planned.filter((kind) => kinds.includes(kind)).length;
    expect(planned).toHaveLength(118);
    expect(count('kill', 'kill worker')).toBe(100);
    expect(count('kill worker')).toBe(20);
    expect(count('stop')).toBe(10);
    expect([count('brick killed'), count('brick paused'), count('mount cut')]).toEqual([2, 2, 2]);
    expect(count('volume full')).toBe(2);
    expect(plan(COUNTS, seeded(1))).toEqual(planned);
    expect(plan(COUNTS, seeded(2))).not.toEqual(planned);
  });

  it('spreads each kind over the whole run', () => {
    const planned = plan(COUNTS, seeded(7));
    const stops = planned.flatMap((kind, at) => (kind === 'stop' ? [at] : []));
    expect(stops[0]).toBeLessThan(30);
    expect(stops.at(-1)).toBeGreaterThan(90);
  });
});
