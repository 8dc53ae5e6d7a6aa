/** Reports for tests, in the form of those that large senders write: made up, with nobody's data. */
import { gzipSync } from 'node:zlib';

export const NOW = Date.parse('2026-11-30T12:00:00Z');

type Json = Record<string, unknown>;

/** As Google writes them: no member that is 0, and a whole day that ends a second before the next one. */
export function googleReport(change: Json = {}, policy: Json = {}): Json {
  return {
    'organization-name': 'Google Inc.',
    'date-range': { 'start-datetime': '2026-11-29T00:00:00Z', 'end-datetime': '2026-11-29T23:59:59Z' },
    'contact-info': 'smtp-tls-reporting@google.com',
    'report-id': '2026-11-29T00:00:00Z_ours.test',
    policies: [
      {
        policy: {
          'policy-type': 'sts',
          'policy-string': ['version: STSv1', 'mode: enforce', 'mx: mx.ours.test', 'max_age: 86400'],
          'policy-domain': 'ours.test',
          'mx-host': ['mx.ours.test'],
        },
        summary: { 'total-successful-session-count': 773 },
        ...policy,
      },
    ],
    ...change,
  };
}

/** As Microsoft writes them: several policies of one domain, with what a sender knows of each failure. */
export function microsoftReport(): Json {
  const policy = (type: string, strings: string[]) => ({
    'policy-type': type,
    'policy-string': strings,
    'policy-domain': 'ours.test',
  });
  return {
    'organization-name': 'Microsoft Corporation',
    'date-range': { 'start-datetime': '2026-11-28T00:00:00Z', 'end-datetime': '2026-11-28T23:59:59Z' },
    'contact-info': 'tlsrpt-noreply@microsoft.com',
    'report-id': '134089263281234567+ours.test',
    policies: [
      {
        policy: policy('tlsa', ['3 1 1 0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6']),
        summary: { 'total-successful-session-count': 40, 'total-failure-session-count': 2 },
        'failure-details': [
          {
            'result-type': 'validation-failure',
            'sending-mta-ip': '192.0.2.7',
            'receiving-mx-hostname': 'mx.ours.test',
            'receiving-ip': '198.51.100.1',
            'failed-session-count': 2,
            'failure-reason-code': '[{LED=450 4.7.323 tlsa-invalid: The domain failed DANE validation}]',
          },
        ],
      },
      {
        policy: { ...policy('sts', ['version: STSv1', 'mode: testing']), 'mx-host': 'mx.ours.test' },
        summary: { 'total-successful-session-count': 3, 'total-failure-session-count': 1 },
        'failure-details': [
          {
            'result-type': 'certificate-expired',
            'sending-mta-ip': '2001:db8::7',
            'receiving-mx-hostname': 'MX.ours.test',
            'failed-session-count': 1,
          },
        ],
      },
    ],
  };
}

export const bytesOf = (report: unknown): Buffer => Buffer.from(JSON.stringify(report));

const lines = (bytes: Buffer) => bytes.toString('base64').replace(/.{76}/g, '$&\r\n');

/** RFC 8460 §5.3.1 */
export function reportMail(
  body: Buffer,
  {
    type = 'application/tlsrpt+gzip',
    encoding = 'base64',
    text = 'This is an aggregate TLS report from google.com',
  } = {},
): Buffer {
  const written = encoding === 'base64' ? lines(body) : body.toString('latin1');
  return Buffer.from(
    [
      'From: noreply-smtp-tls-reporting@google.com',
      'To: tls-reports@ours.test',
      'Subject: Report Domain: ours.test Submitter: google.com Report-ID: <2026.11.29@google.com>',
      'TLS-Report-Domain: ours.test',
      'TLS-Report-Submitter: google.com',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; boundary="0000ab"; report-type=tlsrpt',
      '',
      '--0000ab',
      'Content-Type: text/plain; charset="UTF-8"; format=flowed; delsp=yes',
      '',
      text,
      '',
      '--0000ab',
      `Content-Type: ${type}; `,
      '\tname="google.com!ours.test!1796515200!1796601599!001.json.gz"',
      'Content-Disposition: attachment; ',
      '\tfilename="google.com!ours.test!1796515200!1796601599!001.json.gz"',
      `Content-Transfer-Encoding: ${encoding}`,
      '',
      written,
      '--0000ab--',
      '',
    ].join('\r\n'),
    'latin1',
  );
}

export const gzipped = (report: unknown): Buffer => gzipSync(bytesOf(report));
