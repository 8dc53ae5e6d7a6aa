import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySettlement } from './jobs.ts';
import { jobFor } from './testing/test-queue.ts';

const ended = (...recipients: number[]) =>
  recipients.map((recipient) => ({ recipient, outcome: 'delivered' as const }));

describe('applySettlement', () => {
  it.each([
    ['an ended recipient leaves its job', [[0, 1]], [0], [], [[1]]],
    ['a job without recipients goes', [[0], [1]], [0], [], [[1]]],
    ['a deferred recipient moves to its new job', [[0, 1, 2]], [], [[1]], [[0, 2], [1]]],
    ['both at once', [[0, 1, 2]], [0], [[2], [1]], [[2], [1]]],
    ['nothing changes nothing', [[0, 1]], [], [], [[0, 1]]],
  ])('%s', (_name, jobs, gone, deferred, left) => {
    const result = applySettlement(
      jobs.map((recipients) => jobFor(recipients)),
      { ended: ended(...gone), deferred: deferred.map((recipients) => jobFor(recipients)) },
    );
    expect(result.map(({ recipients }) => recipients)).toEqual(left);
  });

  it('never loses or doubles a recipient', () => {
    const partition = fc.array(fc.constantFrom('stay', 'end', 'defer'), { maxLength: 20 });
    fc.assert(
      fc.property(partition, fc.integer({ min: 1, max: 5 }), (fates, perJob) => {
        const all = fates.map((_, i) => i);
        const jobs = [];
        for (let i = 0; i < all.length; i += perJob) jobs.push(jobFor(all.slice(i, i + perJob)));
        const gone = all.filter((i) => fates[i] === 'end');
        const deferred = all.filter((i) => fates[i] === 'defer').map((i) => jobFor([i], { attempts: 1 }));
        const left = applySettlement(jobs, { ended: ended(...gone), deferred });
        const recipients = left.flatMap((job) => [...job.recipients]).sort((a, b) => a - b);
        expect(recipients).toEqual(all.filter((i) => fates[i] !== 'end'));
      }),
    );
  });
});
