/** What of the chart is generated: the CRDs in it, and the table of its values from the comments in values.yaml. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { crdFiles } from './gen-crds.ts';

export const CHART = 'charts/postrider';
const README = `${CHART}/README.md`;
const BEGIN = '<!-- values: made from values.yaml by npm run gen -->';
const END = '<!-- /values -->';

export interface Value {
  /** `image.tag` */
  readonly path: string;
  readonly default: unknown;
  /** The comment above it; empty where there is none. */
  readonly comment: string;
}

/** Values that have a comment of their own, or no members: what is below one that is explained as a whole is part of it. */
export function readValues(text: string): Value[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error('values.yaml is not a map');
  return valuesOf(contents, '');
}

function valuesOf(map: YAMLMap, above: string): Value[] {
  return map.items.flatMap((pair, index) => {
    const { key, value } = pair as Pair;
    if (!isScalar(key)) throw new Error('a key is not text');
    // The comment above the first member of a map is the map's.
    const comment = lastParagraph(key.commentBefore ?? (index === 0 ? map.commentBefore : undefined));
    const path = `${above}${key.value}`;
    if (isMap(value) && value.items.length > 0 && comment === '') return valuesOf(value, `${path}.`);
    return [{ path, default: (value as { toJSON(): unknown } | null)?.toJSON(), comment }];
  });
}

/** A comment above others, with an empty line between them, is the file's. */
function lastParagraph(comment: string | null | undefined): string {
  const paragraph = (comment ?? '').split(/\n\s*\n/).at(-1) ?? '';
  return paragraph
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

export function valuesTable(values: readonly Value[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const rows = values.map(
    ({ path, default: value, comment }) =>
      `| \`${path}\` | ${cell(comment)} | \`${cell(JSON.stringify(value))}\` |`,
  );
  return ['| value | what it is | default |', '| --- | --- | --- |', ...rows].join('\n');
}

export function chartFiles(root: string): Map<string, string | undefined> {
  const readme = readFileSync(join(root, README), 'utf8');
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${README} has no place for the values`);
  const table = valuesTable(readValues(readFileSync(join(root, CHART, 'values.yaml'), 'utf8')));
  const files = new Map<string, string | undefined>();
  files.set(README, `${readme.slice(0, begin)}${BEGIN}\n${table}\n${readme.slice(end)}`);
  // A chart can't read what is outside of it.
  for (const [path, text] of crdFiles(root, `${CHART}/files/crds`)) files.set(path, text);
  return files;
}
