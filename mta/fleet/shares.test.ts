import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbiterOf, divide, shareOf } from './shares.ts';

const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,8}$/), { minLength: 1, maxLength: 12 });
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('shares', () => {
  it('add up to the limit, and differ by one at most', () => {
    fc.assert(
      fc.property(names, fc.nat(1000), fc.string(), (all, limit, id) => {
        const shares = all.map((name) => shareOf(limit, id, name, all));
        expect(sum(shares)).toBe(limit);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('depend on the names, not on their order', () => {
    fc.assert(
      fc.property(names, fc.nat(100), fc.string(), (all, limit, id) => {
        const other = all.toReversed();
        expect(arbiterOf(id, other)).toBe(arbiterOf(id, all));
        for (const name of all) expect(shareOf(limit, id, name, other)).toBe(shareOf(limit, id, name, all));
      }),
    );
  });

  it('are nothing for a stranger', () => expect(shareOf(10, 'x', 'c', ['a', 'b'])).toBe(0));
});

describe('arbiters', () => {
  it('are spread over the members', () => {
    const all = ['mta-0', 'mta-1', 'mta-2', 'mta-3'];
    const counts = new Map(all.map((name) => [name, 0]));
    for (let n = 0; n < 4000; n += 1) {
      const name = arbiterOf(`mx:domain${n}.example`, all)!;
      counts.set(name, counts.get(name)! + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });

  it('change for no budget but those of a member that goes', () => {
    const all = ['mta-0', 'mta-1', 'mta-2', 'mta-3'];
    for (let n = 0; n < 500; n += 1) {
      const before = arbiterOf(`k${n}`, all)!;
      if (before !== 'mta-3') expect(arbiterOf(`k${n}`, all.slice(0, 3))).toBe(before);
    }
  });
});

describe('divide', () => {
  it('gives out all that is wanted and there, and no more than either', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.array(fc.nat(50), { maxLength: 10 }), fc.nat(20), (tokens, wants, turn) => {
        const given = divide(tokens, wants, turn);
        expect(sum(given)).toBe(Math.min(tokens, sum(wants)));
        wants.forEach((want, index) => {
          expect(given[index]!).toBeLessThanOrEqual(want);
          // Whoever got less than it wants has no less, but for one, than any other.
          if (given[index]! < want) expect(Math.max(...given) - given[index]!).toBeLessThanOrEqual(1);
        });
      }),
    );
  });

  it('lets each go without in its turn', () => {
    expect([0, 1, 2].map((turn) => divide(1, [5, 5, 5], turn))).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });
});
