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
    const named = /\| `((?:[a-z]+\/)*[a-z-]+\.test\.ts): ([^`]+)` \|$/.exec(row);
    expect(named, row).not.toBeNull();
    // Beside this file, or by its path from the root.
    const path = named![1]!.includes('/') ? `../../${named![1]!}` : named![1]!;
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    // Some names are templates, from where their values come.
    const found = ["'", '`', ' (seed', '${'].some((end) => source.includes(`${named![2]}${end}`));
    expect(found, named![2]).toBe(true);
  });
});
