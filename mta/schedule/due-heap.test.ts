import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DueHeap } from './due-heap.ts';

it('gives items back in the order in which they are due', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000)), (times) => {
      const heap = new DueHeap<{ dueAt: number }>();
      for (const dueAt of times) heap.push({ dueAt });
      const out: number[] = [];
      for (let item = heap.pop(); item !== undefined; item = heap.pop()) out.push(item.dueAt);
      expect(out).toEqual(times.toSorted((a, b) => a - b));
    }),
  );
});

it('keeps its order while pushes and pops alternate', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(100))), (steps) => {
      const heap = new DueHeap<{ dueAt: number }>();
      const model: number[] = [];
      for (const step of steps) {
        if (step === null) {
          model.sort((a, b) => a - b);
          expect(heap.pop()?.dueAt).toBe(model.shift());
        } else {
          heap.push({ dueAt: step });
          model.push(step);
        }
        expect(heap.size).toBe(model.length);
      }
    }),
  );
});
