import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../random.ts';
import { scanHeader } from '../trace.ts';
import { reportMessage } from './message.ts';
import { buildReport } from './report.ts';

const contact = 'tls@ours.test';
const domain = `${'a'.repeat(60)}.${'b'.repeat(60)}.d.test`;

function message(of = 'd.test') {
  const who = { organization: 'Ours', contact, hostname: 'mx.ours.test', source: 'mail/mta' };
  const report = buildReport(who, '2026-11-29', of, []);
  const to = 'reports@d.test';
  const { envelope, content } = reportMessage(report, { to, contact, now: 0, random: systemRandom });
  const text = content.toString('latin1');
  const [head = '', ...body] = text.split('\r\n\r\n');
  const fields = new Map(
    head
      .replace(/\r\n[ \t]/g, ' ')
      .split('\r\n')
      .map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
  );
  return { report, envelope, content, text, fields, body: body.join('\r\n\r\n') };
}

describe('a report by mail (RFC 8460 §5.3)', () => {
  it('has the fields that receivers look for', () => {
    const { fields, report } = message();
    expect(Object.fromEntries(fields)).toMatchObject({
      From: '<tls@ours.test>',
      To: '<reports@d.test>',
      Subject: `Report Domain: d.test Submitter: ours.test Report-ID: <${report.id}>`,
      'TLS-Report-Domain': 'd.test',
      'TLS-Report-Submitter': 'ours.test',
      'TLS-Required': 'No',
      'Auto-Submitted': 'auto-generated',
    });
    expect(fields.get('Content-Type')).toMatch(
      /^multipart\/report; report-type="tlsrpt"; {1,2}boundary="[^"]+"$/,
    );
  });

  it('has a text and the report, compressed', () => {
    const { fields, body, report } = message();
    const [, boundary] = /boundary="(.*)"/.exec(fields.get('Content-Type')!)!;
    const [, text, attachment, end] = body.split(`--${boundary}`);
    expect(text).toMatch(/^\r\nContent-Type: text\/plain; charset=us-ascii\r\n/);
    expect(text).toContain('d.test');
    const [head, encoded] = attachment!.split('\r\n\r\n') as [string, string];
    expect(head).toContain('Content-Type: application/tlsrpt+gzip\r\n');
    expect(head).toContain('Content-Transfer-Encoding: base64\r\n');
    expect(head).toContain(`Content-Disposition: attachment;\r\n filename="${report.filename}"`);
    expect(gunzipSync(Buffer.from(encoded, 'base64')).toString()).toBe(report.json);
    expect(end).toBe('--\r\n');
  });

  it('comes from nobody, goes whatever TLS does, and is not reported on', () => {
    const { envelope, content } = message();
    expect(envelope).toMatchObject({
      from: '',
      recipients: [{ address: 'reports@d.test', notify: ['NEVER'] }],
      tlsOptional: true,
      bodyType: '7BIT',
    });
    expect(scanHeader(content).tlsOptional).toBe(true);
  });

  it.each(['d.test', domain])('is in lines that every host takes: %s', (of) => {
    for (const line of message(of).text.split('\r\n')) expect(line).toMatch(/^[\x20-\x7e]{0,998}$/);
  });
});
