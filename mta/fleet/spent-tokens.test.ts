import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpentTokens } from './spent-tokens.ts';

describe('SpentTokens', () => {
  it('counts each for one period at least, and for a fiftieth more at most', () => {
    const waits = fc.array(fc.nat(3000), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(waits, fc.integer({ min: 1, max: 30 }), (waits, seconds) => {
        const spent = new SpentTokens(seconds);
        const at: number[] = [];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          const within = (ms: number) => at.filter((each) => now - each < ms).length;
          const count = spent.count(now);
          expect(count).toBeGreaterThanOrEqual(within(seconds * 1000));
          expect(count).toBeLessThanOrEqual(within(seconds * 1020 + 1));
          spent.spend(now);
          at.push(now);
        }
      }),
    );
  });

  it('says when the next has rested: then, and not before', () => {
    const spent = new SpentTokens(10);
    expect(spent.nextAt(5000)).toBe(5000);
    spent.spend(5000);
    spent.spend(9000);
    const next = spent.nextAt(9000);
    expect(next).toBeGreaterThanOrEqual(15_000);
    expect(spent.count(next - 1)).toBe(2);
    expect(spent.count(next)).toBe(1);
  });
});
