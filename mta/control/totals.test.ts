import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Lane } from '../queue/lane.ts';
import { MessageIndex } from '../queue/message-index.ts';
import { destinationsOf } from '../queue/totals.ts';
import type { Job, Queue } from '../queue/types.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import { Operations, type RecipientState } from './operations.ts';

const NOW = 100;

const job = fc
  .record({
    destination: fc.constantFrom('mx:a.test', 'mx:b.test', 'mx:c.test'),
    size: fc.integer({ min: 1, max: 3 }),
    dueAt: fc.constantFrom(NOW - 1, NOW, NOW + 1),
    held: fc.boolean(),
    active: fc.boolean(),
  })
  .filter(({ held, active }) => !held || !active);

it('the totals are what a walk over all messages would say', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(job, { minLength: 1, maxLength: 3 }), { maxLength: 20 }),
      async (messages) => {
        const index = new MessageIndex();
        const underWay: { id: string; job: Job }[] = [];
        const recipients: Record<RecipientState, number> = { due: 0, active: 0, deferred: 0, held: 0 };
        const walked = new Map<string, { messages: number; active: number; deferred: number }>();
        for (const [sequence, parts] of messages.entries()) {
          const jobs = parts.map(({ destination, size, dueAt, held, active }, at): Job => {
            const its = Array.from({ length: size }, (_, i) => at * 10 + i);
            const made = { destination, recipients: its, attempts: 1, dueAt, ...(held ? { held } : {}) };
            const state = active ? 'active' : held ? 'held' : dueAt > NOW ? 'deferred' : 'due';
            recipients[state] += size;
            const seen = walked.get(destination) ?? { messages: 0, active: 0, deferred: 0 };
            seen.messages += 1;
            if (state === 'active' || state === 'deferred') seen[state] += 1;
            walked.set(destination, seen);
            if (active) underWay.push({ id: `${sequence}`, job: made });
            return made;
          });
          const place = { segment: 1, offset: sequence, length: 1 };
          index.put({ sequence, size: 1, arrivedAt: 0, sender: '', body: undefined, jobs, ...place });
        }
        const clock = { now: () => NOW, monotonic: () => 0, after: () => () => {}, soon: setImmediate };
        const queue = {
          countRecipients(now: number) {
            const counts = { due: 0, deferred: 0, held: 0 };
            index.countRecipients(now, counts);
            return counts;
          },
          countDestinations: (now: number, most: number) => {
            const lane = { index } as Lane;
            return destinationsOf([lane], now, most, clock);
          },
          entry: (id: string) => index.get(Number(id)),
          counts: () => ({}),
        } as unknown as Queue;
        const scheduler = {
          underWay: () => underWay.values(),
          destination: () => undefined,
        } as unknown as Scheduler;
        const operations = new Operations({ queue, scheduler, clock, log: {} as never });
        const summary = await operations.summary();
        expect(summary.recipients).toEqual(recipients);
        expect(operations.totals().recipients).toEqual(recipients);
        const named = new Map(summary.destinations.map(({ destination, ...rest }) => [destination, rest]));
        expect(named).toEqual(walked);
        const sizes = summary.destinations.map((each) => each.messages);
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
      },
    ),
  );
});

it('of many destinations those are counted that have the most jobs, the largest first', async () => {
  const index = new MessageIndex();
  let sequence = 0;
  for (const [name, jobs] of Object.entries({ a: 1, b: 3, c: 2, d: 2, e: 2, f: 5 })) {
    for (let n = 0; n < jobs; n += 1) {
      const job = { destination: name, recipients: [0], attempts: 0, dueAt: NOW + 1 };
      const place = { segment: 1, offset: sequence, length: 1 };
      index.put({ sequence, size: 1, arrivedAt: 0, sender: '', body: undefined, jobs: [job], ...place });
      sequence += 1;
    }
  }
  const clock = { now: () => NOW, monotonic: () => 0, after: () => () => {}, soon: setImmediate };
  const counts = await destinationsOf([{ index } as Lane], NOW, 4, clock);
  expect([...counts]).toEqual([
    ['f', { jobs: 5, deferred: 5 }],
    ['b', { jobs: 3, deferred: 3 }],
    ['c', { jobs: 2, deferred: 2 }],
    ['d', { jobs: 2, deferred: 2 }],
  ]);
});
