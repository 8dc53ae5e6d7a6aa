import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { MessageContent } from '../../queue/types.ts';
import { reportIn } from './message.ts';
import { bytesOf, googleReport, gzipped, reportMail } from './testing/reports.ts';

const content = (bytes: Buffer): MessageContent => ({
  size: bytes.length,
  bytes: undefined,
  stream: () => Readable.from([bytes.subarray(0, 100), bytes.subarray(100)]),
});
const reportOf = (mail: Buffer | string) => reportIn(content(Buffer.from(mail)));

const part = (...lines: string[]) =>
  ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '', '--b', ...lines, '--b--', ''].join(
    '\r\n',
  );

describe('a mail with a report (RFC 8460 §5.3)', () => {
  it('has it in gzip and base64', async () => {
    const gzip = gzipped(googleReport());
    expect(await reportOf(reportMail(gzip))).toEqual(gzip);
    expect(await reportIn({ ...content(reportMail(gzip)), bytes: reportMail(gzip) })).toEqual(gzip);
  });

  it('has it as it is, in whatever encoding', async () => {
    const json = bytesOf(googleReport());
    const type = 'application/tlsrpt+json';
    expect(await reportOf(reportMail(json, { type, encoding: '7bit' }))).toEqual(json);
    expect(await reportOf(reportMail(json, { type, encoding: '8BIT' }))).toEqual(json);
    expect(await reportOf(reportMail(json, { type }))).toEqual(json);
    const quoted = Buffer.from(json.toString().replaceAll('"', '=22').replaceAll(':', ':= \r\n'));
    expect(await reportOf(reportMail(quoted, { type, encoding: 'quoted-printable' }))).toEqual(json);
  });

  it('may have nothing but it', async () => {
    const mail = 'MIME-Version: 1.0\r\nContent-Type: application/TLSRPT+json (a comment)\r\n\r\n{}';
    expect((await reportOf(mail)).toString()).toBe('{}');
  });

  it('has the first of several', async () => {
    const type = 'Content-Type: application/tlsrpt+json';
    expect((await reportOf(part(type, '', '{"a":1}', '--b', type, '', '{"b":2}'))).toString()).toBe(
      '{"a":1}',
    );
  });

  it.each([
    ['is none', 'Subject: hello\r\n\r\nhello\r\n'],
    ['is empty', ''],
    ['has a part of another type', part('Content-Type: application/json', '', '{}')],
    [
      'is a report that has come back',
      part('Content-Type: message/rfc822', '', 'Content-Type: application/tlsrpt+json', '', '{}'),
    ],
    [
      'is a report that has come back within something',
      part(
        ...['Content-Type: message/rfc822', '', 'Content-Type: multipart/report; boundary=c', ''],
        ...['--c', 'Content-Type: application/tlsrpt+json', '', '{}', '--c--'],
      ),
    ],
    [
      'says it of several parts',
      part('Content-Type: application/tlsrpt+json-not', '', '{}', '--b', 'Content-Type: text/plain', '', ''),
    ],
  ])('that %s has no report', async (_what, mail) => {
    await expect(reportOf(mail)).rejects.toMatchObject({ name: 'ReportRefusal', fault: 'invalid' });
  });

  it('of parts within parts without an end is given up', async () => {
    const nested = Array.from(
      { length: 200 },
      (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`,
    );
    await expect(reportOf(nested.join(''))).rejects.toThrow('its parts are nested too deep');
  });

  it('that is too large is not read', async () => {
    const stream = () => {
      throw new Error('read');
    };
    const large = { size: 20 * 1024 * 1024, bytes: undefined, stream };
    await expect(reportIn(large)).rejects.toMatchObject({ fault: 'tooLarge' });
  });

  it('that can not be read fails as the disk does', async () => {
    const stream = () => new Readable({ read: () => {} }).destroy(new Error('EIO'));
    await expect(reportIn({ size: 10, bytes: undefined, stream })).rejects.toThrow('EIO');
  });
});
