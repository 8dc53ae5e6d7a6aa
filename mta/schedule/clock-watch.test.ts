import { expect, it } from 'vitest';
import { ClockWatch } from './clock-watch.ts';

it('stops trusting a clock that jumps by more than an hour, says so once, and trusts it again when it is back', () => {
  let wall = 1_000_000_000;
  let monotonic = 0;
  const reports: number[] = [];
  const clock = { now: () => wall, monotonic: () => monotonic, after: () => () => {}, soon: setImmediate };
  const watch = new ClockWatch(clock, (jump) => reports.push(jump));

  wall += 500_000;
  monotonic += 500_000;
  expect(watch.trusted()).toBe(true);
  wall += 3_599_000;
  expect(watch.trusted()).toBe(true);
  wall += 86_400_000;
  expect(watch.trusted()).toBe(false);
  expect(watch.trusted()).toBe(false);
  expect(reports).toEqual([89_999_000]);
  wall -= 86_400_000;
  expect(watch.trusted()).toBe(true);
  expect(reports).toEqual([89_999_000, 0]);
});
