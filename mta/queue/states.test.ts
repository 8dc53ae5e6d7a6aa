/** Each row of STATES.md names a test that exists. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const text = await readFile(new URL('STATES.md', import.meta.url), 'utf8');
const rows = text.split('\n').filter((line) => /^\| (?!state|---)/.test(line));

describe('STATES.md', () => {
  it('has the states', () => {
    expect(rows.length).toBeGreaterThan(30);
  });

  it.each(rows.map((row) => [row.split('|')[1]!.trim(), row]))('%s', async (_state, row) => {
    const named = /\| `([a-z-]+\.test\.ts): ([^`]+)` \|$/.exec(row);
    expect(named, row).not.toBeNull();
    const source = await readFile(new URL(named![1]!, import.meta.url), 'utf8');
    // Some names are templates, from where their values come.
    const found = ["'", '`', ' (seed', '${'].some((end) => source.includes(`${named![2]}${end}`));
    expect(found, named![2]).toBe(true);
  });
});
