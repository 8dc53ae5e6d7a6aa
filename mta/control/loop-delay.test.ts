import { expect, it } from 'vitest';
import { watchLoopDelay } from './loop-delay.ts';

it('tells the longest that a look came too late, since it was last asked', () => {
  let now = 1000;
  let call = () => {};
  const delay = watchLoopDelay({
    monotonic: () => now,
    after: (_ms, callback) => {
      call = callback;
      return () => {};
    },
  });
  for (const late of [0, 0, 300, 0, 40, 0]) {
    now += 10 + late;
    call();
  }
  expect(delay()).toBeCloseTo(0.3);
  now += 10;
  call();
  expect(delay()).toBe(0);
  // Asked by what has kept the event loop waiting itself.
  now += 110;
  expect(delay()).toBeCloseTo(0.1);
});
