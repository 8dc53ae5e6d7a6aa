import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './sources.ts';

const pages = (folder: string) =>
  readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md') && name !== 'README.md');
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe.each(['docs', 'docs/decisions'])('the index of %s', (folder) => {
  it('has every page', () => {
    const index = text(`${folder}/README.md`);
    expect(pages(folder).filter((name) => !index.includes(`](${name})`))).toEqual([]);
  });
});

it('a decision begins with its number, and no two share one', () => {
  const names = pages('docs/decisions');
  const numbers = names.map((name) => name.slice(0, 4));
  expect(new Set(numbers).size).toBe(names.length);
  expect(
    names.filter((name) => !text(`docs/decisions/${name}`).startsWith(`# ${name.slice(0, 4)}: `)),
  ).toEqual([]);
});
