import { expect, it } from 'vitest';
import { decide, type Known, PAUSE_MS, REFRESH_MS } from './decide.ts';

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const cached = (age: number, maxAge = 7 * 86_400, id = 'a') => ({
  ...{ domain: 'd.test', id, fetchedAt: NOW - age, usedAt: NOW },
  policy: { mode: 'enforce' as const, maxAge, mx: ['mx.d.test'] },
});

it.each<[string, Partial<Known>, boolean, string]>([
  ['no record and nothing cached', {}, false, 'no'],
  ['a record and nothing cached', { id: 'a' }, false, 'first'],
  ['the same after a failure', { id: 'a', isPausing: true }, false, 'no'],
  ['a record that names what is cached', { id: 'a', entry: cached(1000) }, true, 'no'],
  ['a record that names another', { id: 'b', entry: cached(1000) }, true, 'first'],
  ['the same after a failure', { id: 'b', entry: cached(1000), isPausing: true }, true, 'no'],
  ['no record, and a policy that counts', { entry: cached(1000) }, true, 'no'],
  ['a policy of yesterday', { id: 'a', entry: cached(REFRESH_MS) }, true, 'beside'],
  ['a policy of yesterday, and no record', { entry: cached(REFRESH_MS) }, true, 'beside'],
  ['a policy of yesterday, after a failure', { entry: cached(REFRESH_MS), isPausing: true }, true, 'no'],
  ['half of a short age', { id: 'a', entry: cached(300_000, 600) }, true, 'beside'],
  ['the last moment of an age', { id: 'a', entry: cached(600_000, 600) }, true, 'beside'],
  ['the first moment after it', { id: 'a', entry: cached(600_001, 600) }, false, 'first'],
  ['an age that is over, and no record', { entry: cached(600_001, 600) }, false, 'no'],
  ['an age of 0, a moment later', { id: 'a', entry: cached(1, 0) }, false, 'first'],
  ['a clock that is a little late', { id: 'a', entry: cached(-1000) }, true, 'no'],
  ['a policy from far in the future', { id: 'a', entry: cached(-2 * DAY) }, false, 'first'],
])('%s', (_what, known, applies, fetch) => {
  expect(decide({ entry: undefined, id: undefined, now: NOW, isPausing: false, ...known })).toEqual({
    applies,
    fetch,
  });
});

it('a pause after a failure is as long as RFC 8461 §3.3 asks for', () => {
  expect(PAUSE_MS).toBeGreaterThanOrEqual(300_000);
});
