import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { CHART, readValues, valuesTable } from './gen-chart.ts';

const root = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const values = readValues(read(`${CHART}/values.yaml`));

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}
const schema = JSON.parse(read(`${CHART}/values.schema.json`)) as Schema;

/** Paths of what the schema has a word on, down to where it has no members. */
function pathsOf({ properties }: Schema, above = ''): string[] {
  return Object.entries(properties ?? {}).flatMap(([name, member]) => {
    const path = `${above}${name}`;
    return member.properties === undefined ? [path] : pathsOf(member, `${path}.`);
  });
}

it('every value is explained where it stands', () => {
  expect(values.length).toBeGreaterThan(25);
  expect(values.filter(({ comment }) => comment === '').map(({ path }) => path)).toEqual([]);
  expect(values[0]).toMatchObject({ path: 'replicas', default: 2 });
  expect(values[0]!.comment).toMatch(/^How many operators run\./);
});

it('every value has a place in the schema, and the schema has no others', () => {
  // A value that is explained as a whole may have members there.
  const covered = (path: string) =>
    values.some((each) => path === each.path || path.startsWith(`${each.path}.`));
  const paths = pathsOf(schema).filter((path) => path !== 'global');
  expect(paths.filter((path) => !covered(path))).toEqual([]);
  const known = (path: string) => paths.some((each) => each === path || each.startsWith(`${path}.`));
  expect(values.filter(({ path }) => !known(path)).map(({ path }) => path)).toEqual([]);
});

it('the chart has the version of the package', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(parse(read(`${CHART}/Chart.yaml`))).toMatchObject({ version, appVersion: version });
});

it('a table of values has one line for each', () => {
  const text =
    '# Of the file.\n\n# First.\na: 1\nb:\n  # Within | b.\n  # Two lines.\n  c: []\n# As a whole.\nd:\n  e: 1\n';
  expect(valuesTable(readValues(text)).split('\n').slice(2)).toEqual([
    '| `a` | First. | `1` |',
    '| `b.c` | Within \\| b. Two lines. | `[]` |',
    '| `d` | As a whole. | `{"e":1}` |',
  ]);
});

it('a value without a comment is seen', () => {
  expect(readValues('# A.\na: 1\nb: 2\n').map(({ comment }) => comment)).toEqual(['A.', '']);
});
