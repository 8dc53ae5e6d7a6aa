import { describe, expect, it } from 'vitest';
import { testConfig, testDomain } from '../../route/testing/config.ts';
import { compileAsked, reportMailbox } from './asked.ts';

describe('domains whose reports are asked for', () => {
  it('are those with a mailbox for them, by each of their names, and not those whose reports go to others', () => {
    const ours = testDomain({
      ...{ domain: 'ours.test', aliases: ['Alias.test'] },
      tlsRpt: { mailbox: 'tls-reports', rua: [] },
    });
    const elsewhere = testDomain({
      ...{ domain: 'elsewhere.test', aliases: ['also.test'] },
      tlsRpt: { rua: ['mailto:tls@reports.test'] },
    });
    const domains = [ours, elsewhere, testDomain({ domain: 'other.test' })];
    expect([...compileAsked(testConfig({ domains }))].map(([name, { domain }]) => [name, domain])).toEqual([
      ['ours.test', 'ours.test'],
      ['alias.test', 'ours.test'],
    ]);
  });
});

describe('the mailbox for reports', () => {
  const mailbox = reportMailbox(testDomain({ tlsRpt: { mailbox: 'tls-reports', rua: [] } }))!;

  it.each(['tls-reports', 'TLS-Reports', '"tls-reports"', '"tls\\-reports"'])('is %s', (localPart) => {
    expect(mailbox(localPart)).toBe(true);
  });

  it.each(['tls-report', 'tls-reports+google', 'xtls-reports', 'postmaster', ''])(
    'is not %s',
    (localPart) => {
      expect(mailbox(localPart)).toBe(false);
    },
  );

  it('has subaddresses where the domain has them', () => {
    const recipients = { mode: 'list' as const, list: [], subaddressDelimiter: '+' };
    const tagged = reportMailbox(testDomain({ recipients, tlsRpt: { mailbox: 'tls-reports', rua: [] } }))!;
    expect([tagged('tls-reports+google'), tagged('tls-reports'), tagged('tls-reportsgoogle')]).toEqual([
      ...[true, true, false],
    ]);
  });

  it('is not there where none is asked for', () => {
    expect(reportMailbox(testDomain({ tlsRpt: { rua: [] } }))).toBeUndefined();
    expect(reportMailbox(testDomain())).toBeUndefined();
  });
});
