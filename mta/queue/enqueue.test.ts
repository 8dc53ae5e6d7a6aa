/** Messages of our own making. */
import { expect, it } from 'vitest';
import { settleDown } from '../testing/test-clock.ts';
import { diskError } from './testing/memory-disk.ts';
import { envelopeOf, jobFor, openTestQueue } from './testing/test-queue.ts';

it('leaves neither a draft nor a file behind where its content could not be written', async () => {
  const test = await openTestQueue();
  const message = {
    envelope: envelopeOf('report'),
    jobs: [jobFor([0])],
    content: Buffer.alloc(3 << 20, 'x'),
  };
  test.disk.inject = (step) =>
    step.operation === 'write' && step.path.includes('/body/') ? diskError('EIO', step) : undefined;
  await expect(test.queue.enqueue(message)).rejects.toMatchObject({ code: 451 });
  test.disk.inject = () => undefined;
  await settleDown();
  const [lane] = await test.disk.list('/queue/lanes');
  expect(await test.disk.list(`/queue/lanes/${lane}/body`)).toEqual([]);
  const heir = await openTestQueue({ disk: test.disk, clock: test.clock, seed: 2, othersGone: false });
  const given = test.queue.giveAway(lane!, heir.queue.worker);
  await settleDown();
  expect(await Promise.race([given, 'waits for its drafts'])).toBe(true);
});
