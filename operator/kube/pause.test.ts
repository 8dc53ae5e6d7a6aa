import { expect, it } from 'vitest';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import { Pause } from './pause.ts';

it('a pause lasts as long as it is to, or until it is ended', async () => {
  const clock = new TestClock();
  const pause = new Pause(clock);
  const over: string[] = [];
  void pause.for(1000).then(() => over.push('first'));
  await clock.advance(999);
  expect(over).toEqual([]);
  await clock.advance(1);
  expect(over).toEqual(['first']);
  pause.end();
  void pause.for(1000).then(() => over.push('second'));
  await settleDown();
  expect(over).toEqual(['first']);
  pause.end();
  await settleDown();
  expect(over).toEqual(['first', 'second']);
  pause.close();
  await pause.for(1000);
});
