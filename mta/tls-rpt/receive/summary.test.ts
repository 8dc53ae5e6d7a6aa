import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from './entry.ts';
import { summarize } from './summary.ts';
import { NOW } from './testing/reports.ts';

const HOUR = 3_600_000;
const entry = (change: Partial<Entry> = {}): Entry => ({
  ...{ domain: 'ours.test', organization: 'Google Inc.', reportId: 'r', via: 'mail' },
  ...{ start: NOW - 36 * HOUR, end: NOW - 12 * HOUR, receivedAt: NOW },
  ...{ successful: 10, failed: 0, failures: [] },
  ...change,
});
const same = (name: string) => name;

describe('the sums of reports', () => {
  it('are those of a domain and its aliases together, and not of domains that ask for none', () => {
    const names = new Map([
      ['ours.test', 'ours.test'],
      ['alias.test', 'ours.test'],
      ['other.test', 'other.test'],
    ]);
    const entries = ['ours.test', 'alias.test', 'other.test', 'former.test'].map((domain) =>
      entry({ domain }),
    );
    const sums = summarize(entries, (name) => names.get(name));
    expect(
      sums.map(({ domain, reports, successfulSessions }) => [domain, reports, successfulSessions]),
    ).toEqual([
      ['other.test', 1, 10],
      ['ours.test', 2, 20],
    ]);
  });

  it('say who reports, what fails, where, and when that was last', () => {
    const failure = { resultType: 'certificate-expired', host: 'mx.ours.test', reason: 'late', sessions: 2 };
    const [sum] = summarize(
      [
        entry({ failed: 2, failures: [failure] }),
        entry({
          ...{ organization: 'Microsoft Corporation', successful: 500, failed: 9, reportId: 's' },
          ...{ receivedAt: NOW + 1, start: NOW - 60 * HOUR, end: NOW - 36 * HOUR },
          failures: [
            { ...failure, sessions: 4 },
            { resultType: 'validation-failure', sessions: 5 },
          ],
        }),
      ],
      same,
    );
    expect(sum).toEqual({
      ...{ domain: 'ours.test', reports: 2, successfulSessions: 510, failedSessions: 11 },
      resultTypes: { 'certificate-expired': 6, 'validation-failure': 5 },
      organizations: ['Microsoft Corporation', 'Google Inc.'],
      last: {
        ...{ receivedAt: '2026-11-30T12:00:00.001Z', organization: 'Microsoft Corporation' },
        ...{ start: '2026-11-28T00:00:00.000Z', end: '2026-11-29T00:00:00.000Z' },
      },
      failures: [
        {
          ...{ ...failure, sessions: 6, lastAt: '2026-11-30T00:00:00.000Z' },
          organizations: ['Microsoft Corporation', 'Google Inc.'],
        },
        {
          ...{ resultType: 'validation-failure', sessions: 5, lastAt: '2026-11-29T00:00:00.000Z' },
          organizations: ['Microsoft Corporation'],
        },
      ],
    });
  });

  const anyEntry = fc
    .record({
      domain: fc.constantFrom('a.test', 'b.test'),
      organization: fc.integer({ min: 0, max: 40 }).map((n) => `Sender ${n}`),
      end: fc.integer({ min: 0, max: 100 }).map((n) => NOW - n * HOUR),
      receivedAt: fc.integer({ min: 0, max: 3 }).map((n) => NOW + n),
      reportId: fc.uuid(),
      successful: fc.nat(1e9),
      failed: fc.nat(1e9),
      failures: fc.array(
        fc.record({
          resultType: fc.integer({ min: 0, max: 40 }).map((n) => `type-${n}`),
          host: fc.constantFrom('mx1.test', 'mx2.test'),
          sessions: fc.nat(1e9),
        }),
        { maxLength: 20 },
      ),
    })
    .map((change) => entry(change));
  const entries = fc.uniqueArray(anyEntry, { selector: ({ reportId }) => reportId, maxLength: 60 });

  it('are the same in whatever order reports came', () => {
    fc.assert(
      fc.property(entries, fc.integer(), (all, seed) => {
        const shuffled = all.toSorted(
          (one, other) => ((one.successful ^ seed) >>> 0) - ((other.successful ^ seed) >>> 0),
        );
        expect(summarize(shuffled, same)).toEqual(summarize(all, same));
      }),
    );
  });

  it('are bounded, and add up', () => {
    fc.assert(
      fc.property(entries, (all) => {
        const sums = summarize(all, same);
        const total = (of: (each: Entry) => number) => all.reduce((sum, each) => sum + of(each), 0);
        expect(sums.reduce((sum, each) => sum + each.successfulSessions, 0)).toBe(
          total((each) => each.successful),
        );
        expect(sums.reduce((sum, each) => sum + each.failedSessions, 0)).toBe(total((each) => each.failed));
        for (const { failures, organizations, resultTypes } of sums) {
          expect(failures.length).toBeLessThanOrEqual(20);
          expect(organizations.length).toBeLessThanOrEqual(20);
          expect(Object.keys(resultTypes).length).toBeLessThanOrEqual(20);
          for (const each of failures) expect(each.organizations.length).toBeLessThanOrEqual(5);
          expect(failures.map(({ lastAt }) => lastAt)).toEqual(
            failures
              .map(({ lastAt }) => lastAt)
              .toSorted()
              .reverse(),
          );
        }
      }),
    );
  });
});
