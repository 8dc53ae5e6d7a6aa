import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planJobs } from './plan.ts';

it('puts each recipient into exactly one job, of its own destination and of at most 100', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 450 }), (destinations) => {
      const indexes = destinations.map((_, index) => index);
      const jobs = planJobs(indexes, (index) => `mx:${destinations[index]}.test`, { attempts: 0, dueAt: 7 });
      const all = jobs.flatMap((job) => job.recipients);
      expect(all.toSorted((a, b) => a - b)).toEqual(indexes);
      for (const job of jobs) {
        expect(job.recipients.length).toBeLessThanOrEqual(100);
        expect(job).toMatchObject({ attempts: 0, dueAt: 7 });
        for (const index of job.recipients) expect(job.destination).toBe(`mx:${destinations[index]}.test`);
      }
    }),
  );
});
