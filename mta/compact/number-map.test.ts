import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberMap } from './number-map.ts';

const key = fc.oneof(
  fc.nat(40),
  fc.constantFrom(2 ** 32, 2 ** 32 + 1, 2 ** 40, 2 ** 53 - 1),
  fc.maxSafeNat(),
);

describe('a map of numbers', () => {
  it('knows what a map knows, whatever came and went', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.option(fc.nat())), { maxLength: 300 }), (steps) => {
        const map = new NumberMap();
        const model = new Map<number, number>();
        for (const [at, value] of steps) {
          if (value === null) expect(map.delete(at)).toBe(model.delete(at));
          else {
            map.set(at, value);
            model.set(at, value);
          }
          expect(map.size).toBe(model.size);
          for (const [each] of steps) expect(map.get(each)).toBe(model.get(each));
        }
      }),
    );
  });

  it('keeps its entries as its tables grow and what lay in their way is removed', () => {
    const map = new NumberMap();
    for (let n = 0; n < 100_000; n += 1) map.set(n * 3, n);
    for (let n = 0; n < 100_000; n += 2) expect(map.delete(n * 3)).toBe(true);
    for (let n = 0; n < 100_000; n += 1) expect(map.get(n * 3)).toBe(n % 2 === 0 ? undefined : n);
    expect(map.size).toBe(50_000);
  });
});
