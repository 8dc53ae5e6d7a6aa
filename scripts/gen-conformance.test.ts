import { describe, expect, it } from 'vitest';
import { renderTable, requirementsOf } from './gen-conformance.ts';

const SOURCE = `
describe('anything else', () => {
  it('is no requirement of an RFC', () => {});
  it('RFC 2920 §3.1: is pipelined', () => {});
});
describe('RFC 5321 §4.1.1.1: HELO', () => {
  it('is answered', () => {});
  it('§3.2: takes "a" as a name', () => {});
  it.each([['x', 1], ['y', 2]])('takes %j as a name', () => {});
});
describe('RFC 3461: parameters', () => {
  it.each([
    ['§4.3: RET has a value', 'RET'],
    ['§4.3: RET has a value', 'RET='],
    ['§4.4: ENVID has, too', 'ENVID'],
  ])('%s, else 501', async () => {});
});
`;

describe('the table of requirements', () => {
  it('has the title of each test, with its RFC and section', () => {
    const found = requirementsOf('a.test.ts', SOURCE).map(
      ({ rfc, section, text }) => `${rfc} ${section} ${text}`,
    );
    expect(found).toEqual([
      '2920 §3.1 anything else: is pipelined',
      '5321 §4.1.1.1 HELO: is answered',
      '5321 §3.2 HELO: takes "a" as a name',
      '5321 §4.1.1.1 HELO: takes … as a name',
      '3461 §4.3 parameters: RET has a value, else 501',
      '3461 §4.4 parameters: ENVID has, too, else 501',
    ]);
  });

  it('is in the order of RFCs and sections, by number', () => {
    const about = { text: 't', file: 'f' };
    const rows = renderTable([
      { ...about, rfc: 5321, section: '§4.10' },
      { ...about, rfc: 5321, section: '§4.9' },
      { ...about, rfc: 1870, section: '' },
    ]).split('\n');
    expect(rows.filter((row) => /^\| \d/.test(row)).map((row) => row.slice(2, 14))).toEqual([
      '1870 |  | t ',
      '5321 | §4.9 ',
      '5321 | §4.10',
    ]);
  });
});
