import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DueHeap } from './due-heap.ts';

const itemOf = (dueAt: number) => ({ dueAt, key: dueAt * 3, detail: dueAt + 1 });

it('gives items back as they were, in the order in which they are due', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000)), (times) => {
      const heap = new DueHeap();
      for (const dueAt of times) heap.push(itemOf(dueAt));
      const out: unknown[] = [];
      for (let item = heap.pop(); item !== undefined; item = heap.pop()) out.push(item);
      expect(out).toEqual(times.toSorted((a, b) => a - b).map(itemOf));
    }),
  );
});

it('keeps its order while pushes and pops alternate', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(100))), (steps) => {
      const heap = new DueHeap();
      const model: number[] = [];
      for (const step of steps) {
        if (step === null) {
          model.sort((a, b) => a - b);
          expect(heap.pop()?.dueAt).toBe(model.shift());
        } else {
          heap.push(itemOf(step));
          model.push(step);
        }
        expect(heap.size).toBe(model.length);
        expect(heap.dueAt).toBe(Math.min(...model));
      }
    }),
  );
});
