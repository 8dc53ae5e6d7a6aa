import { expect, it } from 'vitest';
import { Questions } from './questions.ts';

it('calls those who have waited in portions, as they may all find nothing to ask', async () => {
  const called: string[] = [];
  const soon: (() => void)[] = [];
  const questions = new Questions({
    most: 1,
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after: () => () => {},
      soon: (callback) => soon.push(callback),
    },
    again: (key) => called.push(key),
  });
  expect(questions.ask('connections first', 'first')).toBe(true);
  for (let n = 0; n < 2500; n += 1) expect(questions.ask(`connections ${n}`, `${n}`)).toBe(false);
  questions.close('connections first');
  const turns: number[] = [];
  for (let next = soon.shift(); next !== undefined; next = soon.shift()) {
    next();
    turns.push(called.length);
  }
  expect(turns).toEqual([1000, 2000, 2500]);
  expect(called).toEqual(Array.from({ length: 2500 }, (_, n) => `${n}`));
});

it('calls no more than it has places for', () => {
  const soon: (() => void)[] = [];
  const questions: Questions = new Questions({
    most: 2,
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after: () => () => {},
      soon: (callback) => soon.push(callback),
    },
    again: (key) => void questions.ask(key, key),
  });
  for (const key of ['a', 'b', 'c', 'd', 'e']) questions.ask(key, key);
  questions.close('a');
  for (let next = soon.shift(); next !== undefined; next = soon.shift()) next();
  expect(questions.ask('c', 'c')).toBe(true);
  expect(questions.ask('d', 'd')).toBe(false);
});
