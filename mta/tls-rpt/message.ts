/**
 * A report as a message (RFC 8460 §5.3): multipart/report with a text for a person and the compressed report. Pure.
 *
 * It comes from the contact, as that is the reporting domain, which a DKIM signature would have to be of (§3), and from the null
 * reverse-path, as nobody here waits to hear that it failed. It goes even where TLS with the recipient's hosts fails, as that may be what
 * it tells of (§3): `TLS-Required: No` (RFC 8689 §3) says so to us and to those after us.
 */
import type { Random } from '../random.ts';
import { field, wrap } from '../reports/encode.ts';
import type { Report as Message } from '../reports/types.ts';
import { messageDate } from '../trace.ts';
import type { Report } from './report.ts';

export function reportMessage(
  report: Report,
  {
    to,
    contact,
    now,
    random,
  }: { readonly to: string; readonly contact: string; readonly now: number; readonly random: Random },
): Message {
  const boundary = `postrider-${random.bytes(15).toString('hex')}`;
  const { domain, submitter, id, filename, gzip } = report;
  const header = [
    `Date: ${messageDate(now)}`,
    field('From', `<${contact}>`),
    field('To', `<${to}>`),
    field('Subject', `Report Domain: ${domain} Submitter: ${submitter} Report-ID: <${id}>`),
    field('Message-ID', `<${random.bytes(15).toString('hex')}@${submitter}>`),
    field('TLS-Report-Domain', domain),
    field('TLS-Report-Submitter', submitter),
    'TLS-Required: No',
    // RFC 3834 §5
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="${boundary}"`,
    'Content-Transfer-Encoding: 7bit',
  ];
  const text = [
    'Content-Type: text/plain; charset=us-ascii',
    'Content-Transfer-Encoding: 7bit',
    '',
    ...wrap(textOf(report), 76, ''),
  ];
  const attachment = [
    'Content-Type: application/tlsrpt+gzip',
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment;\r\n filename="${filename}"`,
    '',
    ...(gzip.toString('base64').match(/.{1,76}/g) ?? []),
  ];
  const lines = [
    ...[...header, '', 'This is a MIME-encapsulated report.', ''],
    ...[`--${boundary}`, ...text, ''],
    ...[`--${boundary}`, ...attachment, ''],
    ...[`--${boundary}--`, ''],
  ];
  return {
    envelope: {
      ...{ from: '', recipients: [{ address: to, notify: ['NEVER'] }], arrivedAt: now },
      origin: { listener: 'report', protocol: 'LOCAL' },
      ...{ bodyType: '7BIT', eightBit: false, tlsOptional: true },
    },
    content: Buffer.from(lines.join('\r\n')),
  };
}

const textOf = ({ domain, submitter, day }: Report): string =>
  `This is an aggregate report from ${submitter} about TLS with the mail hosts of ${domain} on ${day} (UTC), as the TXT record at _smtp._tls.${domain} asks for. The numbers are in the attachment, in the format of RFC 8460.`;
