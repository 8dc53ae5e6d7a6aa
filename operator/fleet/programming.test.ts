import { expect, it } from 'vitest';
import { TestClock } from '../../mta/testing/test-clock.ts';
import { Programming } from './programming.ts';

it('counts from the first change that is not loaded everywhere to the last that is', async () => {
  const clock = new TestClock();
  const took: number[] = [];
  const programming = new Programming(clock, (seconds) => took.push(seconds));
  programming.loaded(3);
  expect(programming.lagSeconds).toBe(0);
  programming.made(4);
  await clock.advance(1000);
  programming.made(5);
  programming.loaded(4);
  await clock.advance(500);
  expect(programming.lagSeconds).toBe(1.5);
  programming.loaded(5);
  expect(took).toEqual([1.5]);
  await clock.advance(500);
  programming.loaded(5);
  expect(took).toEqual([1.5]);
  expect(programming.lagSeconds).toBe(0);
});

it('nobody is behind where nobody serves', async () => {
  const clock = new TestClock();
  const took: number[] = [];
  const programming = new Programming(clock, (seconds) => took.push(seconds));
  programming.made(1);
  programming.loaded(undefined);
  await clock.advance(1000);
  expect(programming.lagSeconds).toBe(0);
  programming.loaded(1);
  expect(took).toEqual([]);
});
