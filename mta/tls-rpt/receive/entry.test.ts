import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byDomain, DAY_MS, entryOf, identityOf, type KeptFailure } from './entry.ts';
import { type Failure, MOST_SESSIONS, parseReport, type TlsReport } from './parse.ts';
import { bytesOf, googleReport, microsoftReport, NOW } from './testing/reports.ts';

const how = { via: 'mail', receivedAt: NOW } as const;
const entry = (report: TlsReport) => entryOf(report, 'ours.test', report.policies, how);
const withFailures = (...failures: Partial<Failure>[]): TlsReport => {
  const report = parseReport(bytesOf(googleReport()));
  const all = failures.map((each) => ({
    ...{ resultType: 'certificate-expired', host: undefined, reason: undefined, sessions: 1 },
    ...each,
  }));
  return { ...report, policies: [{ domain: 'ours.test', successful: 0, failed: 0, failures: all }] };
};

describe('what is kept of a report', () => {
  it('is the sum over the policies of a domain', () => {
    expect(entry(parseReport(bytesOf(microsoftReport())))).toEqual({
      ...{ domain: 'ours.test', organization: 'Microsoft Corporation', ...how },
      reportId: '134089263281234567+ours.test',
      start: Date.parse('2026-11-28T00:00:00Z'),
      end: Date.parse('2026-11-28T23:59:59Z'),
      ...{ successful: 43, failed: 3 },
      failures: [
        {
          ...{ resultType: 'validation-failure', host: 'mx.ours.test', sessions: 2 },
          reason: '[{LED=450 4.7.323 tlsa-invalid: The domain failed DANE validation}]',
        },
        { resultType: 'certificate-expired', host: 'mx.ours.test', sessions: 1 },
      ],
    });
  });

  it('counts failures that are alike as one, the most first', () => {
    const { failures } = entry(
      withFailures(
        { host: 'b.test', sessions: 2 },
        { host: 'a.test', sessions: 3 },
        { host: 'B.test.', sessions: 2 },
      ),
    );
    expect(failures).toEqual([
      { resultType: 'certificate-expired', host: 'b.test', sessions: 4 },
      { resultType: 'certificate-expired', host: 'a.test', sessions: 3 },
    ]);
  });

  it('is bounded, and has nothing in it that could do harm where it is shown', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            resultType: fc.string({ minLength: 1, unit: 'binary' }),
            host: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
            reason: fc.option(fc.string({ unit: 'binary', maxLength: 300 }), { nil: undefined }),
            sessions: fc.integer({ min: 0, max: MOST_SESSIONS }),
          }),
          { maxLength: 30 },
        ),
        fc.string({ minLength: 1, unit: 'binary' }),
        (failures, organization) => {
          const kept = entry({ ...withFailures(...failures), organization });
          expect(kept.failures.length).toBeLessThanOrEqual(5);
          expect(kept.organization).not.toMatch(/\p{Cc}/u);
          const isHarmless = ({ resultType, host = 'none', reason = '', sessions }: KeptFailure) =>
            /^[a-z][a-z0-9-]{0,49}$/.test(resultType) &&
            /^[a-z0-9_.-]{1,253}$/.test(host) &&
            !/\p{Cc}/u.test(reason) &&
            reason.length <= 100 &&
            Number.isSafeInteger(sessions) &&
            sessions <= MOST_SESSIONS;
          expect(kept.failures.filter((failure) => !isHarmless(failure))).toEqual([]);
        },
      ),
    );
  });

  it('is small, however much a report says, so that thousands fit into memory', () => {
    const failures = Array.from({ length: 1000 }, (_, n) => ({
      ...{ resultType: 'a'.repeat(50), sessions: MOST_SESSIONS },
      ...{ host: `${n}.${'a'.repeat(200)}.test`, reason: `${n}${'\u{1f600}'.repeat(500)}` },
    }));
    const kept = entry({
      ...withFailures(...failures),
      organization: '\u{1f600}'.repeat(500),
      id: '\u{1f600}'.repeat(500),
    });
    expect(kept.failures).toHaveLength(5);
    expect(Buffer.byteLength(JSON.stringify({ format: 1, ...kept }))).toBeLessThan(8 * 1024);
  });

  it('calls a result type that makes no sense other', () => {
    const { failures } = entry(withFailures({ resultType: '__proto__' }, { resultType: 'New-Type' }));
    expect(failures.map(({ resultType }) => resultType).toSorted()).toEqual(['new-type', 'other']);
  });
});

describe('policies by domain', () => {
  it('are found however the domain is written', () => {
    const policy = { successful: 1, failed: 0, failures: [] };
    const domains = ['Ours.Test.', 'ours.test', 'bücher.test', '__proto__'];
    const report = { ...withFailures(), policies: domains.map((domain) => ({ ...policy, domain })) };
    expect([...byDomain(report)].map(([domain, { length }]) => [domain, length])).toEqual([
      ['ours.test', 2],
      ['xn--bcher-kva.test', 1],
      ['__proto__', 1],
    ]);
  });
});

describe('the identity of a report', () => {
  const report = withFailures();
  const identity = (change: Partial<TlsReport>, domain = 'ours.test') =>
    identityOf({ ...report, ...change }, domain);

  it('is who wrote it, its id, its day, and the domain', () => {
    expect(identity({ start: report.start + 1000, policies: [] })).toBe(identity({}));
    const before = { start: report.start - DAY_MS, end: report.end - DAY_MS };
    const others = [
      ...[identity({ id: 'b' }), identity({ organization: 'B' }), identity({}, 'alias.test')],
      identity(before),
    ];
    expect(new Set([identity({}), ...others]).size).toBe(5);
  });

  it('does not mix them up', () => {
    expect(identity({ organization: 'a","b', id: 'c' })).not.toBe(
      identity({ organization: 'a', id: 'b","c' }),
    );
  });
});
