import { describe, expect, it } from 'vitest';
import { type Named, over, refusalOf } from './bounds.ts';

const TODAY = 20_000;
const named = (domain: string, day: number, n: number): Named => ({
  ...{ domain, day, identity: `${n}` },
  file: `${day}.${domain}.${n}`,
});
const many = (count: number, of: (n: number) => readonly [domain: string, day: number]): Named[] =>
  Array.from({ length: count }, (_, n) => named(...of(n), n));
/** Puts as the store does, one after the other, and has what was kept. */
function put(all: readonly Named[], before: readonly Named[] = []): Named[] {
  const kept = [...before];
  for (const each of all) if (refusalOf(each, kept, TODAY) === undefined) kept.push(each);
  return kept;
}
const of = (domain: string, all: readonly Named[]) => all.filter((each) => each.domain === domain).length;

describe('the bounds of kept reports', () => {
  it.each([
    [TODAY, 200],
    [TODAY - 2, 200],
    [TODAY - 3, 20],
    [TODAY - 29, 20],
    [TODAY + 1, 20],
  ])('of day %d, today being 20000, are %d for a domain', (day, most) => {
    expect(put(many(300, () => ['a.test', day]))).toHaveLength(most);
  });

  it('let no flood for tomorrow push out what is there', () => {
    const real = many(300, (n) => [`d${n % 100}.test`, TODAY - (n % 3)]);
    const flooded = put(
      many(4000, (n) => [`d${n % 100}.test`, TODAY + 1]).map((each) => ({
        ...each,
        identity: `x${each.identity}`,
      })),
      real,
    );
    expect(flooded).toHaveLength(300 + 2000);
    expect(over(flooded, TODAY)).toEqual([]);
  });

  it('leave room for a domain whose share others have taken, and bound all of them', () => {
    const flood = put(many(6000, (n) => [`d${n % 40}.test`, TODAY - (n % 3)]));
    expect(flood).toHaveLength(5000);
    expect(refusalOf(named('d1.test', TODAY - 25, 200_000), flood, TODAY)).toBe('tooMany');
    const mine = many(50, () => ['mine.test', TODAY - 1]);
    const all = put(mine, flood);
    expect(of('mine.test', all)).toBe(50);
    const removed = over(all, TODAY);
    expect(all.length - removed.length).toBe(4500);
    expect(of('mine.test', removed)).toBe(0);
    const [least, most] = [Math.min, Math.max].map((pick) =>
      pick(...Array.from({ length: 40 }, (_, n) => of(`d${n}.test`, all) - of(`d${n}.test`, removed))),
    );
    expect(most! - least!).toBeLessThanOrEqual(1);
  });

  it('take from the fullest day of a domain, and of days that are alike from the oldest', () => {
    const even = many(5010, (n) => ['a.test', TODAY - (n % 30)]);
    const forged = many(180, () => ['a.test', TODAY - 1]).map((each) => ({ ...each, file: `x${each.file}` }));
    const removed = over([...even, ...forged], TODAY);
    expect(removed).toHaveLength(690);
    expect(removed.slice(0, 180).every(({ day }) => day === TODAY - 1)).toBe(true);
    expect(over(even, TODAY)[0]!.day).toBe(TODAY - 29);
  });

  it('take what is too old before all else', () => {
    const old = many(20, () => ['a.test', TODAY - 30]);
    expect(over([...old, ...many(5000, () => ['b.test', TODAY])], TODAY)).toEqual(old);
  });
});
