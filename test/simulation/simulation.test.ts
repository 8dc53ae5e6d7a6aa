/**
 * Some thousand schedules of seeds that nobody has tried. `POSTRIDER_SEED=n POSTRIDER_SCHEDULES=1` replays one; with
 * `node test/simulation/main.ts --seed n --schedules 1 --trace` every event of it is printed.
 */
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { COMMON } from './faults.ts';
import { planOf } from './plan.ts';
import { runAll } from './run.ts';
import { runSchedule } from './schedule.ts';

const SCHEDULES = Number(process.env.POSTRIDER_SCHEDULES ?? 2000);
/** New ones each time, unless one is given. */
const FIRST = Number(process.env.POSTRIDER_SEED ?? randomInt(1_000_000_000));

describe('a schedule', () => {
  it('is the same each time, event by event', async () => {
    for (let seed = FIRST; seed < FIRST + 20; seed += 1) {
      const one = await runSchedule(planOf(seed), true);
      const other = await runSchedule(planOf(seed), true);
      expect(one.trace.length).toBeGreaterThan(100);
      expect(other.trace, `seed ${seed}`).toEqual(one.trace);
    }
  });
});

describe('a fleet on one volume', () => {
  it(`breaks no invariant in ${SCHEDULES} schedules`, async () => {
    const report = await runAll({ seed: FIRST, schedules: SCHEDULES, print: (line) => console.log(line) });
    expect(report.violations).toEqual([]);
    if (SCHEDULES < 2000) return;
    expect(COMMON.filter(({ kind, state }) => report.table.count(kind, state) === 0)).toEqual([]);
  }, 1_200_000);
});
