import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairLines } from './fair-queue.ts';
import { RankedQueue } from './ranked-queue.ts';

const planOf = (message: number) => ({ message, first: 0, dueAt: 0 });

describe('RankedQueue', () => {
  it('gives the highest priority first, in the order of arrival within each, and loses nothing', () => {
    const step = fc.oneof(fc.constant('shift' as const), fc.integer({ min: -9, max: 9 }), fc.constant(0));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new RankedQueue(new FairLines());
        const model: { n: number; priority: number }[] = [];
        for (const [n, what] of steps.entries()) {
          if (what === 'shift') {
            const highest = Math.max(...model.map(({ priority }) => priority));
            const next = model.find(({ priority }) => priority === highest);
            expect(queue.priority).toBe(highest);
            expect(queue.shift()?.message).toBe(next?.n);
            if (next !== undefined) model.splice(model.indexOf(next), 1);
          } else {
            queue.push('anna', planOf(n), what);
            model.push({ n, priority: what });
          }
          expect(queue.size).toBe(model.length);
        }
      }),
    );
  });
});
