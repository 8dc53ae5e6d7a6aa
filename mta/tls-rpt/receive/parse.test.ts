import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReport } from './parse.ts';
import { ReportRefusal } from './refusal.ts';
import { bytesOf, googleReport, microsoftReport } from './testing/reports.ts';

const refusal = (report: unknown): string => {
  try {
    parseReport(Buffer.isBuffer(report) ? report : bytesOf(report));
  } catch (error) {
    if (!(error instanceof ReportRefusal)) throw error;
    return error.message;
  }
  return 'none';
};

const withSummary = (summary: unknown) => googleReport({}, { summary });
const withFailure = (failure: unknown) => googleReport({}, { 'failure-details': [failure] });

describe('a report (RFC 8460 §4.4)', () => {
  it('as Google writes it is understood, with what is 0 left out', () => {
    expect(parseReport(bytesOf(googleReport()))).toEqual({
      organization: 'Google Inc.',
      id: '2026-11-29T00:00:00Z_ours.test',
      start: Date.parse('2026-11-29T00:00:00Z'),
      end: Date.parse('2026-11-29T23:59:59Z'),
      policies: [{ domain: 'ours.test', successful: 773, failed: 0, failures: [] }],
    });
  });

  it('as Microsoft writes it is understood, with all its policies and failures', () => {
    const { policies } = parseReport(bytesOf(microsoftReport()));
    expect(policies).toEqual([
      {
        ...{ domain: 'ours.test', successful: 40, failed: 2 },
        failures: [
          {
            ...{ resultType: 'validation-failure', host: 'mx.ours.test', sessions: 2 },
            reason: '[{LED=450 4.7.323 tlsa-invalid: The domain failed DANE validation}]',
          },
        ],
      },
      {
        ...{ domain: 'ours.test', successful: 3, failed: 1 },
        failures: [
          { resultType: 'certificate-expired', host: 'MX.ours.test', reason: undefined, sessions: 1 },
        ],
      },
    ]);
  });

  it('may have members that nobody has defined, and odd ones where they are not used', () => {
    const odd = {
      ...{ 'x-more': [1], 'contact-info': 7 },
      policies: [
        {
          policy: { 'policy-type': 'new', 'policy-domain': 'ours.test', 'mx-host': {}, 'policy-string': 1 },
          summary: { 'total-successful-session-count': 1, more: true },
          'failure-details': null,
        },
      ],
    };
    expect(refusal(googleReport(odd))).toBe('none');
  });

  it.each([
    ['no object', []],
    ['no organization', googleReport({ 'organization-name': undefined })],
    ['an organization without a name', googleReport({ 'organization-name': '' })],
    ['an organization with a very long name', googleReport({ 'organization-name': 'a'.repeat(1001) })],
    ['no id', googleReport({ 'report-id': undefined })],
    ['an id that is a number', googleReport({ 'report-id': 7 })],
    ['no date range', googleReport({ 'date-range': undefined })],
    [
      'a date without a time zone',
      googleReport({
        'date-range': { 'start-datetime': '2026-11-29T00:00:00', 'end-datetime': '2026-11-29T23:59:59Z' },
      }),
    ],
    [
      'an end before its start',
      googleReport({
        'date-range': { 'start-datetime': '2026-11-29T01:00:00Z', 'end-datetime': '2026-11-29T00:59:59Z' },
      }),
    ],
    [
      'a range of years',
      googleReport({
        'date-range': { 'start-datetime': '0001-01-01T00:00:00Z', 'end-datetime': '9999-12-31T23:59:59Z' },
      }),
    ],
    ['no policies', googleReport({ policies: [] })],
    ['one policy that is not in a list', googleReport({ policies: { policy: {} } })],
    ['very many policies', googleReport({ policies: Array(1001).fill(googleReport()['policies']) })],
    ['a policy without a domain', googleReport({}, { policy: { 'policy-type': 'sts' } })],
    ['no summary', withSummary(undefined)],
    ['a negative count', withSummary({ 'total-successful-session-count': -1 })],
    ['a count with a fraction', withSummary({ 'total-successful-session-count': 1.5 })],
    ['a count in quotes', withSummary({ 'total-successful-session-count': '1' })],
    ['a count that is beyond all measure', withSummary({ 'total-failure-session-count': 1e12 })],
    ['failures that are no list', googleReport({}, { 'failure-details': {} })],
    ['a failure without a type', withFailure({ 'failed-session-count': 1 })],
    ['a failure of -1 sessions', withFailure({ 'result-type': 'other', 'failed-session-count': -1 })],
    ['a host that is an object', withFailure({ 'result-type': 'other', 'receiving-mx-hostname': {} })],
  ])('with %s is refused', (_what, report) => {
    expect(refusal(report)).toMatch(/^it is not a report: /);
  });

  it.each(['1e400', '-1e400', '9007199254740993', '1e11111111'])('with the count %s is refused', (count) => {
    const text = JSON.stringify(googleReport()).replace('773', count);
    expect(refusal(Buffer.from(text))).toMatch(/^it is not a report: policies\.0\.summary/);
  });

  const hostIn = (host: string) =>
    parseReport(bytesOf(withFailure({ 'result-type': 'a', 'receiving-mx-hostname': host }))).policies[0]!
      .failures;

  it.each(['m'.repeat(256), 'mx.b\u00fccher.test', '\u4e2d'.repeat(990), ''])(
    'has a failure without its host where that is %s: to bring it into A-labels takes long',
    (host) => {
      expect(hostIn(host)).toEqual([{ resultType: 'a', host: undefined, reason: undefined, sessions: 0 }]);
    },
  );

  it('has a host as it was written', () => {
    expect(hostIn('MX.xn--bcher-kva.test')[0]!.host).toBe('MX.xn--bcher-kva.test');
    expect(hostIn('m'.repeat(255))[0]!.host).toHaveLength(255);
  });

  it('is none with a domain that is longer than one may be', () => {
    const about = (domain: string) =>
      googleReport({}, { policy: { 'policy-type': 'sts', 'policy-domain': domain } });
    expect(refusal(about('\u4e2d'.repeat(85)))).toBe('none');
    for (const domain of ['\u4e2d'.repeat(86), 'a'.repeat(256)]) {
      expect(refusal(about(domain))).toMatch(/policy-domain: longer than a domain may be$/);
    }
  });

  it('with members that are called __proto__ changes nothing but itself', () => {
    const text = JSON.stringify(googleReport()).replaceAll(
      '{',
      '{"__proto__":{"polluted":1,"total-failure-session-count":5},"constructor":{"prototype":{"polluted":1}},',
    );
    const report = parseReport(Buffer.from(text));
    expect(report.policies[0]).toEqual({ domain: 'ours.test', successful: 773, failed: 0, failures: [] });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('is refused, and nothing worse, whatever JSON it is', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('policies', 'date-range', 'report-id', ''),
        (value, name) => {
          refusal(name === '' ? value : googleReport({ [name]: value }));
        },
      ),
    );
  });

  it('names the member at fault in its refusal, and nothing of what stood there', () => {
    const report = googleReport({ 'report-id': { secret: 'Xyzzy' } });
    expect(refusal(report)).toBe(
      'it is not a report: report-id: Invalid input: expected string, received object',
    );
  });
});
