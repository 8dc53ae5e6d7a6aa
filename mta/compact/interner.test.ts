import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Interner } from './interner.ts';

describe('an interner', () => {
  it('gives equal strings one number, and forgets what nobody uses', () => {
    const action = fc.record({ value: fc.constantFrom('a', 'b', 'c', ''), use: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const interner = new Interner();
        const used: { value: string; id: number }[] = [];
        for (const { value, use } of actions) {
          const at = used.findIndex((each) => each.value === value);
          if (use) used.push({ value, id: interner.use(value) });
          else if (at >= 0) interner.release(used.splice(at, 1)[0]!.id);
          const distinct = new Set(used.map((each) => each.value));
          expect(interner.size).toBe(distinct.size);
          const uses = (value: string) => used.filter((each) => each.value === value).length;
          expect(new Map(interner.uses())).toEqual(new Map([...distinct].map((each) => [each, uses(each)])));
          expect(new Set(used.map((each) => each.id)).size).toBe(distinct.size);
          for (const each of used) {
            expect(interner.valueOf(each.id)).toBe(each.value);
            expect(interner.find(each.value)).toBe(each.id);
          }
          for (const each of ['a', 'b', 'c', ''])
            if (!distinct.has(each)) expect(interner.find(each)).toBeUndefined();
        }
      }),
    );
  });
});
