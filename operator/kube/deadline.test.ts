import { expect, it } from 'vitest';
import { TestClock } from '../../mta/testing/test-clock.ts';
import { withDeadline } from './deadline.ts';

const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut'))));

it('a request ends as it does, or when its time is over', async () => {
  const clock = new TestClock();
  expect(await withDeadline(clock, 1000, 'the pod', async () => 7)).toBe(7);
  const refused = withDeadline(clock, 1000, 'the pod', () => Promise.reject(new Error('refused')));
  await expect(refused).rejects.toThrow('refused');
  const late = withDeadline(clock, 2000, 'the pod', never);
  const said = expect(late).rejects.toThrow('the pod has not answered for 2 s');
  await clock.advance(2000);
  await said;
});
