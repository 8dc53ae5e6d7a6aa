import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';
import { figure, median, table } from './table.ts';

describe('the command line of the bench', () => {
  it('measures everything that is compared where nothing is said', () => {
    const options = parseOptions([]);
    expect(options.works).toEqual([
      ...['4k-kept', '4k-new', '100k-kept', '4k-single'],
      ...['tls-in', 'tls-in-resumed', 'tls-out', 'tls-out-resumed'],
    ]);
    expect(options.key).toBe('ecdsa');
    expect(options.mtas).toEqual(['postrider', 'postfix']);
    expect([...options.sections]).toEqual(['relay', 'proof', 'workers']);
  });

  it('picks works and MTAs', () => {
    const options = parseOptions(['relay', '--only', '4k-new,postrider', '--rounds', '5']);
    expect(options).toMatchObject({ works: ['4k-new'], mtas: ['postrider'], rounds: 5 });
  });

  it.each([[['--only', '5k']], [['--rounds', '0']], [['fast']], [['--loud']]])('refuses %s', (args) => {
    expect(() => parseOptions(args)).toThrow();
  });
});

describe('the table', () => {
  it('shows medians with three digits', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([1, 2, 3, 10])).toBe(2.5);
    expect([0.3333, 12.345, 3324.4, undefined].map(figure)).toEqual(['0.333', '12.3', '3324', '-']);
  });

  it('aligns figures to the right', () => {
    expect(table(['work', 'mta', 'n'], [['a', 'b', '100']])).toBe('work  mta    n\na     b    100');
  });
});
