import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Domain } from '../config.ts';
import { testDomain } from '../route/testing/config.ts';
import { reportMailbox } from '../tls-rpt/receive/asked.ts';
import { compileOwners, compileRecipients } from './recipients.ts';

const domain = (list: string[], subaddressDelimiter?: string, mailbox?: string): Domain =>
  testDomain({
    recipients: {
      ...{ mode: 'list', list },
      ...(subaddressDelimiter !== undefined && { subaddressDelimiter }),
    },
    ...(mailbox !== undefined && { tlsRpt: { mailbox, rua: [] } }),
  });

describe('whose mail for a local part is', () => {
  it.each([
    ['tls-team', domain(['tls-team'], '-', 'tls'), 'person'],
    ['TLS-Team', domain(['tls-team'], '-', 'tls'), 'person'],
    ['tls-google', domain(['tls-team'], '-', 'tls'), 'reports'],
    ['tls-team-x', domain(['tls-team'], '-', 'tls'), 'reports'],
    ['tls-reports.archive', domain(['tls-reports.archive'], '.', 'tls-reports'), 'person'],
    ['tls-reports.x', domain(['tls-reports.archive'], '.', 'tls-reports'), 'reports'],
    ['tls-reports-x', domain(['tls'], '-', 'tls-reports'), 'person'],
    ['tls-reports', domain(['tls'], '-', 'tls-reports'), 'reports'],
    ['tls-reports', domain(['tls-reports'], '+', 'tls-reports'), 'reports'],
    ['postmaster', domain([], '', 'tls-reports'), 'person'],
    ['anna', domain(['anna'], '', 'tls-reports'), 'person'],
    ['tls-reportsx', domain(['anna'], '', 'tls-reports'), undefined],
    ['tls-reports+x', domain(['anna'], undefined, 'tls-reports'), undefined],
    ['+x', domain(['anna'], '+', 'tls-reports'), undefined],
    ['anna+x', domain(['anna'], '+'), 'person'],
    ['tls-reports', domain(['anna'], '+'), undefined],
  ] as const)('%s: case %#', (localPart, ours, owner) => {
    expect(compileOwners(ours)(localPart)).toBe(owner);
  });

  it('is somebody’s where every local part is taken, but the mailbox’s', () => {
    const owner = compileOwners({
      ...testDomain({ tlsRpt: { mailbox: 'tls-reports', rua: [] } }),
      recipients: { mode: 'any', list: [], subaddressDelimiter: '' },
    });
    expect(['anna', 'tls-reports', 'tls-reports+x', ''].map(owner)).toEqual([
      ...['person', 'reports', 'person', 'person'],
    ]);
  });

  const name = fc.stringMatching(/^[ab][ab+-]{0,3}$/);
  it('is a listed person’s, whatever the delimiter and the mailbox, unless that is the same', () => {
    fc.assert(
      fc.property(fc.array(name), name, fc.constantFrom('', '+', '-', 'a'), (list, mailbox, delimiter) => {
        const ours = domain(list, delimiter, mailbox);
        for (const each of list) {
          expect(compileRecipients(ours)(each)).toBe(true);
          expect(reportMailbox(ours)!(each)).toBe(each === mailbox);
        }
      }),
    );
  });
});
