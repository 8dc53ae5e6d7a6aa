/**
 * docs/conformance.md: which requirement of which RFC is checked by which test, read from the titles of the conformance suite. A title
 * says its RFC and section where they differ from those of the group around it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const TABLE = 'docs/conformance.md';
const FOLDER = 'test/conformance';

export interface Requirement {
  readonly rfc: number;
  /** `§4.1.1.4`; empty where the RFC as a whole is meant. */
  readonly section: string;
  readonly text: string;
  readonly file: string;
}

const HEAD = `# Which requirements are checked, and by which test?

Dialogues over raw sockets, at both ends of the mta: \`npx vitest run --project conformance\`. Made from the titles of these tests by
\`npm run gen\`; [rfc-index.md](rfc-index.md) says how far each RFC is followed, and where in the code.

| RFC | section | requirement | test |
| --- | --- | --- | --- |
`;

/** `describe('…'`, `it('…'`, and `it.each([…])('…'`, with the rows of the latter. */
const CALL = /\b(describe|it)(?:\.each\((\[[\s\S]*?\])\))?\(\s*(['"`])((?:(?!\3)[^\\]|\\.)*)\3,/g;
const CITED = /^(?:RFC (\d+))?\s*(?:\(?(§[\d.]+)\)?[^:]*)?:?\s*/;

export function requirementsOf(file: string, source: string): Requirement[] {
  const found: Requirement[] = [];
  let [rfc, section, group] = [0, '', ''];
  for (const [, kind, rows, , title] of source.matchAll(CALL)) {
    const [cited, number, where] = CITED.exec(title!)!;
    const text = title!.slice(cited.length).replaceAll("\\'", "'");
    if (kind === 'describe') {
      [rfc, section, group] = number === undefined ? [rfc, '', title!] : [Number(number), where ?? '', text];
      continue;
    }
    const about = { rfc: number === undefined ? rfc : Number(number), section: where ?? section, file };
    if (about.rfc === 0) continue;
    for (const each of expanded(text === '' ? title! : text, rows)) {
      const [, own, inner] = CITED.exec(each)!;
      const rest = each.slice(CITED.exec(each)![0].length);
      found.push({
        ...about,
        rfc: own === undefined ? about.rfc : Number(own),
        section: inner ?? about.section,
        text: (group === '' ? rest : `${group}: ${rest}`).replace(/%[sij]/g, '…'),
      });
    }
  }
  return found;
}

/** A title of many rows that begins with a text of theirs is one for each such text. */
function expanded(title: string, rows: string | undefined): string[] {
  if (rows === undefined || !title.startsWith('%s')) return [title];
  const texts = [...rows.matchAll(/\[\s*'((?:[^'\\]|\\.)*)'/g)].map(([, text]) => text!);
  return [...new Set(texts)].map((text) => title.replace('%s', () => text));
}

export function renderTable(requirements: readonly Requirement[]): string {
  const rows = requirements
    .toSorted((a, b) => a.rfc - b.rfc || a.section.localeCompare(b.section, 'en', { numeric: true }))
    .map(
      ({ rfc, section, text, file }) =>
        `| ${rfc} | ${section} | ${text.replaceAll('|', '\\|').replaceAll('<', '&lt;')} | [${file}](../${FOLDER}/${file}) |`,
    );
  return `${HEAD}${rows.join('\n')}\n`;
}

export function conformanceFiles(root: string): Map<string, string> {
  const files = readdirSync(join(root, FOLDER)).filter(
    (name) => name.startsWith('rfc') && name.endsWith('.test.ts'),
  );
  const all = files
    .sort()
    .flatMap((file) => requirementsOf(file, readFileSync(join(root, FOLDER, file), 'utf8')));
  return new Map([[TABLE, renderTable(all)]]);
}
