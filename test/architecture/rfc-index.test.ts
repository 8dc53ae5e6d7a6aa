import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { citations, INDEX, readRows, renderIndex } from '../../scripts/gen-rfc-index.ts';
import { ROOT } from './sources.ts';

const text = readFileSync(join(ROOT, INDEX), 'utf8');
const rows = readRows(text);
const cited = citations(ROOT);

describe('the RFC index', () => {
  it('names every RFC that the code cites, with the files that do: npm run gen', () => {
    const missing = [...cited].flatMap(([number, files]) =>
      files
        .filter((path) => !rows.some((row) => row.number === number && row.files.includes(path)))
        .map((path) => `RFC ${number}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  it('names no file that does not cite the RFC', () => {
    const wrong = rows.flatMap(({ number, files }) =>
      files
        .filter((path) => !(cited.get(number) ?? []).includes(path))
        .map((path) => `RFC ${number}: ${path}`),
    );
    expect(wrong).toEqual([]);
  });

  it('says for each RFC what it is called and how far it is followed', () => {
    const wrong = rows.filter(
      ({ title, state }) => title === '?' || !/^(implemented|later|partly: .+)$/.test(state),
    );
    expect(wrong).toEqual([]);
  });

  it('has files for what is implemented', () => {
    expect(rows.filter(({ state, files }) => state !== 'later' && files.length === 0)).toEqual([]);
  });
});

describe('the generator of the index', () => {
  const head = 'Words.\n\n| RFC | title | state | files |\n| --- | --- | --- | --- |\n';
  const row = (number: number, rest: string) =>
    `| [RFC ${number}](https://www.rfc-editor.org/rfc/rfc${number}) | ${rest} |`;

  it('keeps what a person wrote, replaces the files and sorts', () => {
    const before = `${head}${row(5321, 'SMTP | implemented | [mta/gone.ts](../mta/gone.ts)')}\n`;
    const after = renderIndex(
      before,
      new Map([
        [5321, ['mta/flow.ts']],
        [2033, ['mta/lmtp.ts']],
      ]),
    );
    expect(after).toBe(
      `${head}${row(2033, '? | ? | [mta/lmtp.ts](../mta/lmtp.ts)')}\n${row(5321, 'SMTP | implemented | [mta/flow.ts](../mta/flow.ts)')}\n`,
    );
    expect(
      renderIndex(
        after,
        new Map([
          [5321, ['mta/flow.ts']],
          [2033, ['mta/lmtp.ts']],
        ]),
      ),
    ).toBe(after);
  });

  it('refuses a row that it can not read', () => {
    expect(() => readRows('| [RFC 5321] SMTP |')).toThrow("can't read");
  });
});
