import { describe, expect, it } from 'vitest';
import { testConfig, testDomain } from '../../route/testing/config.ts';
import { compileAsked, reportMailbox } from './asked.ts';

describe('domains whose reports are asked for', () => {
  it('are those with tlsRpt, by each of their names', () => {
    const ours = testDomain({ domain: 'ours.test', aliases: ['Alias.test'], tlsRpt: { rua: [] } });
    const asked = compileAsked(testConfig({ domains: [ours, testDomain({ domain: 'other.test' })] }));
    expect([...asked].map(([name, { domain }]) => [name, domain])).toEqual([
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
