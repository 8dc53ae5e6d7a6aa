import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Column, Rows } from './columns.ts';

describe('rows', () => {
  it('never gives a row out twice, and keeps what was put into each', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(30)), { maxLength: 200 }), (steps) => {
        const column = Column.float64();
        const rows = new Rows([column]);
        const taken = new Map<number, number>();
        for (const [value, step] of steps.entries()) {
          const row = step === null ? undefined : [...taken.keys()][step];
          if (row === undefined) {
            const fresh = rows.take();
            expect(taken.has(fresh)).toBe(false);
            taken.set(fresh, value);
            column.set(fresh, value);
          } else {
            taken.delete(row);
            rows.give(row);
          }
          expect(rows.size).toBe(taken.size);
          for (const [each, kept] of taken) expect(column.get(each)).toBe(kept);
        }
      }),
    );
  });

  it('take no more room than the most that were taken at once', () => {
    const rows = new Rows([]);
    for (let round = 0; round < 5; round += 1) {
      const taken = Array.from({ length: 10_000 }, () => rows.take());
      for (const row of taken) rows.give(row);
    }
    expect(rows.end).toBe(10_000);
  });

  it('hold numbers of their width beyond the first chunk', () => {
    const columns = [Column.float64(), Column.uint32(), Column.uint8()];
    const rows = new Rows(columns);
    let row = 0;
    for (let n = 0; n < 9000; n += 1) row = rows.take();
    const values = [2 ** 53 - 1, 2 ** 32 - 1, 255];
    for (const [i, column] of columns.entries()) column.set(row, values[i]!);
    expect(columns.map((column) => column.get(row))).toEqual(values);
  });
});
