/**
 * The files column of docs/rfc-index.md. A person writes the row of an RFC, its title and its state; which files refer
 * to it is read from the source. Throws for a row that can't be read; an RFC without a row gets one whose state is
 * `?`, which a test refuses.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const INDEX = 'docs/rfc-index.md';
const FOLDERS = ['mta', 'operator', 'cli', 'crds'];

/** Paths of the files that refer to each RFC, by its number. */
export function citations(root: string): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const folder of FOLDERS) {
    const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
    for (const name of names.filter((each) => each.endsWith('.ts')).sort()) {
      const path = join(folder, name);
      const numbers = readFileSync(join(root, path), 'utf8').matchAll(/\bRFC (\d{3,5})\b/g);
      for (const number of new Set([...numbers].map((match) => Number(match[1])))) {
        found.set(number, [...(found.get(number) ?? []), path]);
      }
    }
  }
  return found;
}

export interface Row {
  readonly number: number;
  readonly title: string;
  /** `implemented`, `partly: what is missing`, or `later`. */
  readonly state: string;
  readonly files: readonly string[];
}

const ROW = /^\| \[RFC (\d+)\]\([^)]*\) \| (.*?) \| (.*?) \| (.*?) ?\|$/;

export function readRows(text: string): Row[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| [RFC'))
    .map((line) => {
      const match = ROW.exec(line);
      if (match === null) throw new Error(`${INDEX}: can't read the row ${line}`);
      const files = [...match[4]!.matchAll(/\[([^\]]+)\]\(\.\.\/[^)]+\)/g)].map((link) => link[1]!);
      return { number: Number(match[1]), title: match[2]!, state: match[3]!, files };
    });
}

function renderRow({ number, title, state, files }: Row): string {
  const links = files.map((path) => `[${path}](../${path})`).join(', ');
  return `| [RFC ${number}](https://www.rfc-editor.org/rfc/rfc${number}) | ${title} | ${state} | ${links} |`;
}

/** The index with its files brought up to date: the text above the table stays, rows are sorted by number. */
export function renderIndex(text: string, cited: ReadonlyMap<number, readonly string[]>): string {
  const rows = new Map(
    readRows(text).map((row) => [row.number, { ...row, files: cited.get(row.number) ?? [] }]),
  );
  for (const [number, files] of cited) {
    if (!rows.has(number)) rows.set(number, { number, title: '?', state: '?', files });
  }
  const table = [...rows.values()].sort((a, b) => a.number - b.number).map(renderRow);
  const head = text.slice(0, text.indexOf('| RFC |')).trimEnd();
  return `${head}\n\n| RFC | title | state | files |\n| --- | --- | --- | --- |\n${table.join('\n')}\n`;
}

export function rfcIndexFiles(root: string): Map<string, string | undefined> {
  return new Map([[INDEX, renderIndex(readFileSync(join(root, INDEX), 'utf8'), citations(root))]]);
}
