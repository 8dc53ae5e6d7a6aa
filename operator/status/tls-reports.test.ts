import { describe, expect, it } from 'vitest';
import { type ReportedTls, reportsNext, tlsReportsOf } from './tls-reports.ts';

type Domain = ReportedTls['domains'][number];
const ONE = 'MailDomain/mail/one';
const TWO = 'MailDomain/mail/two';
const domain = (resource: string, change: Partial<Domain> = {}): Domain => ({
  ...{ resource, successfulSessions: 10, failedSessions: 0, failures: [] },
  last: { receivedAt: '2026-11-30T12:00:00.123Z' },
  ...change,
});
const pod = (...domains: Domain[]): ReportedTls => ({ domains });
const MINUTE = 60_000;

describe('reports as a status shows them', () => {
  it('are the sums of what pods say, with failures by type and host', () => {
    const expired = { resultType: 'certificate-expired', host: 'mx.one.test' };
    const seen = tlsReportsOf([
      pod(
        domain(ONE, {
          failedSessions: 3,
          failures: [
            { ...expired, sessions: 1 },
            { ...expired, sessions: 2 },
          ],
        }),
        domain(TWO),
      ),
      pod(
        domain(ONE, {
          ...{ failedSessions: 9, last: { receivedAt: '2026-11-29T12:00:00.000Z' } },
          failures: [
            { resultType: 'validation-failure', sessions: 5 },
            { ...expired, sessions: 4 },
          ],
        }),
      ),
    ]);
    expect(seen.get(ONE)).toEqual({
      ...{ lastReceived: '2026-11-30T12:00:00Z', window: '7d', successfulSessions: 20, failedSessions: 12 },
      failures: [
        { ...expired, sessions: 7 },
        { resultType: 'validation-failure', sessions: 5 },
      ],
    });
    expect(seen.get(TWO)).toMatchObject({ successfulSessions: 10, failures: [] });
  });

  it('have the ten failures with the most sessions', () => {
    const failures = Array.from({ length: 30 }, (_, n) => ({ resultType: `t${n}`, sessions: n }));
    const shown = tlsReportsOf([pod(domain(ONE, { failures }))]).get(ONE)!;
    expect(shown.failures.map(({ sessions }) => sessions)).toEqual([29, 28, 27, 26, 25, 24, 23, 22, 21, 20]);
  });
});

describe('what is shown next', () => {
  const seen = (successfulSessions: number, ...more: Domain[]) =>
    tlsReportsOf([pod(domain(ONE, { successfulSessions }), ...more)]);

  it('is what is seen first', () => {
    const shown = reportsNext(undefined, seen(1), 0);
    expect(shown.reports).toEqual(seen(1));
    expect(reportsNext(undefined, new Map(), 0).reports.size).toBe(0);
  });

  it('stays the same object where nothing is another, so that no status is written', () => {
    const before = reportsNext(undefined, seen(1), 0);
    expect(reportsNext(before, seen(1), 100 * MINUTE)).toBe(before);
  });

  it('is another for one resource alone, and after a pause', () => {
    const before = reportsNext(undefined, seen(1, domain(TWO)), 0);
    expect(reportsNext(before, seen(2, domain(TWO)), 4 * MINUTE)).toBe(before);
    const after = reportsNext(before, seen(2, domain(TWO)), 5 * MINUTE);
    expect(after.reports.get(ONE)).toMatchObject({ successfulSessions: 2 });
    expect(after.reports.get(TWO)).toBe(before.reports.get(TWO));
    expect(reportsNext(after, seen(3, domain(TWO)), 9 * MINUTE)).toBe(after);
  });

  it('leaves out what is not told of any more, and pauses before that comes again', () => {
    const before = reportsNext(undefined, seen(1), 0);
    const gone = reportsNext(before, new Map(), 5 * MINUTE);
    expect(gone.reports.has(ONE)).toBe(false);
    expect(reportsNext(gone, seen(1), 6 * MINUTE)).toBe(gone);
    const again = reportsNext(gone, seen(1), 10 * MINUTE);
    expect(again.reports.has(ONE)).toBe(true);
  });
});
