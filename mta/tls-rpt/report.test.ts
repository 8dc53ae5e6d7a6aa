import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildReport, dayOf, type Reporter, startOf } from './report.ts';
import { type AppliedPolicy, Tally } from './tally.ts';

const who: Reporter = {
  organization: 'Ours & Söhne',
  contact: 'tls@ours.test',
  hostname: 'mx.ours.test',
  source: 'mail/mta',
};
const sts: AppliedPolicy = {
  type: 'sts',
  domain: 'd.test',
  strings: ['version: STSv1', 'mode: enforce', 'mx: *.d.test', 'max_age: 60'],
  mxHosts: ['*.d.test'],
};
const none: AppliedPolicy = { type: 'no-policy-found', domain: 'd.test', strings: [], mxHosts: [] };

function reported() {
  const tally = new Tally();
  tally.count('d.test', sts, 3, [
    {
      detail: {
        ...{ result: 'certificate-expired', sendingIp: '198.51.100.1', host: 'mx.d.test' },
        ...{ receivingIp: '2001:db8::1', reason: 'until yesterday' },
      },
      count: 2,
    },
    { detail: { result: 'sts-webpki-invalid' }, count: 1 },
  ]);
  tally.count('d.test', none, 1, []);
  return tally.policiesOf('d.test');
}

describe('a report (RFC 8460 §4.4)', () => {
  const report = buildReport(who, '2026-11-29', 'd.test', reported());

  it('has all that was counted, and the day', () => {
    expect(JSON.parse(report.json)).toEqual({
      'organization-name': 'Ours & Söhne',
      'date-range': { 'start-datetime': '2026-11-29T00:00:00Z', 'end-datetime': '2026-11-29T23:59:59Z' },
      'contact-info': 'tls@ours.test',
      'report-id': report.id,
      policies: [
        {
          policy: { 'policy-type': 'no-policy-found', 'policy-domain': 'd.test' },
          summary: { 'total-successful-session-count': 1, 'total-failure-session-count': 0 },
        },
        {
          policy: {
            'policy-type': 'sts',
            'policy-string': ['version: STSv1', 'mode: enforce', 'mx: *.d.test', 'max_age: 60'],
            'policy-domain': 'd.test',
            'mx-host': ['*.d.test'],
          },
          summary: { 'total-successful-session-count': 3, 'total-failure-session-count': 3 },
          'failure-details': [
            {
              'result-type': 'certificate-expired',
              'sending-mta-ip': '198.51.100.1',
              'receiving-mx-hostname': 'mx.d.test',
              'receiving-ip': '2001:db8::1',
              'failed-session-count': 2,
              'failure-reason-code': 'until yesterday',
            },
            { 'result-type': 'sts-webpki-invalid', 'failed-session-count': 1 },
          ],
        },
      ],
    });
    expect(gunzipSync(report.gzip).toString()).toBe(report.json);
  });

  it('is called as RFC 8460 §5.1 has it', () => {
    const [begin, end] = [1_795_910_400, 1_795_910_400 + 86_399];
    expect(startOf('2026-11-29') / 1000).toBe(begin);
    expect(report.filename).toMatch(
      new RegExp(`^ours\\.test!d\\.test!${begin}!${end}![0-9a-f]+\\.json\\.gz$`),
    );
  });

  it('has an id that is its own, and the same after a restart', () => {
    const idOf = (change: Partial<Reporter>, day = '2026-11-29', domain = 'd.test') =>
      buildReport({ ...who, ...change }, day, domain, []).id;
    expect(idOf({})).toBe(report.id);
    expect(report.id).toMatch(/^2026-11-29\.[0-9a-f]{20}@mx\.ours\.test$/);
    const others = [
      idOf({ source: 'mail/mta/mta-1' }),
      idOf({}, '2026-11-28'),
      idOf({}, undefined, 'e.test'),
    ];
    expect(new Set([...others, report.id]).size).toBe(4);
  });
});

describe('days', () => {
  it.each([
    [Date.UTC(2026, 10, 29), '2026-11-29'],
    [Date.UTC(2026, 10, 29, 23, 59, 59, 999), '2026-11-29'],
    [Date.UTC(2026, 10, 30), '2026-11-30'],
  ])('are those of UTC: %i', (time, day) => {
    expect(dayOf(time)).toBe(day);
    expect(startOf(day)).toBe(Date.parse(`${day}T00:00:00Z`));
  });

  it.each(['lost+found', '2026-11', '2026-13-01', '2026-11-29.json', ''])('%s is none', (name) => {
    expect(startOf(name)).toBeNaN();
  });
});
