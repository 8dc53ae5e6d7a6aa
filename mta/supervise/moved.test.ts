import { expect, it } from 'vitest';
import { Moved } from './moved.ts';

it('counts what workers have moved that have died since', () => {
  const moved = new Moved();
  const [one, other] = [{}, {}];
  moved.note(one, { messages: 5, bytes: 50 });
  moved.note(one, { messages: 7, bytes: 70 });
  moved.note(other, { messages: 1, bytes: 10 });
  expect(moved.total()).toEqual({ messages: 8, bytes: 80 });
});

it('tells the rate of the last half minute', () => {
  const moved = new Moved();
  const worker = {};
  expect(moved.rate()).toEqual({ messages: 0, bytes: 0 });
  for (let second = 0; second <= 40; second += 1) {
    moved.note(worker, { messages: second * 10, bytes: second * 1000 });
    moved.sample(second * 1000);
  }
  expect(moved.rate()).toEqual({ messages: 10, bytes: 1000 });
  for (let second = 41; second <= 71; second += 1) moved.sample(second * 1000);
  expect(moved.rate()).toEqual({ messages: 0, bytes: 0 });
});
