import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

  /** The same piece as often as it is asked for, and how often that was. */
  function repeated(head: string, piece: Buffer, most: number) {
    let read = 0;
    function* pieces() {
      yield Buffer.from(head);
      for (; read < most; read += 1) yield piece;
    }
    const stream = () => Readable.from(pieces(), { highWaterMark: 1 });
    return { content: { size: 15_600_000, bytes: undefined, stream }, read: () => read };
  }
  const JSON_PART = 'Content-Type: application/tlsrpt+json\r\n';

  it.each([
    ['the report', `${JSON_PART}\r\n`],
    ['what is none', 'Content-Type: text/plain\r\n\r\n'],
    ['what comes before it', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n'],
  ])('with lines without number in %s is given up, since each costs time', async (_what, head) => {
    const { content, read } = repeated(head, Buffer.from('\r\n'.repeat(10_000)), 780);
    await expect(reportIn(content)).rejects.toMatchObject({ fault: 'tooLarge', message: /400000 lines/ });
    expect(read()).toBeLessThanOrEqual(42);
  });

  it('with more than a report may have is given up when that much was read', async () => {
    const { content, read } = repeated(`${JSON_PART}\r\n`, Buffer.alloc(100_000, ' '), 156);
    await expect(reportIn(content)).rejects.toMatchObject({ fault: 'tooLarge', message: /10485760 bytes/ });
    expect(read()).toBeLessThan(110);
  });

  it('keeps no line of a report, each of which would cost more than its octets', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const used = () => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    function* pieces() {
      yield Buffer.from(`${JSON_PART}\r\n`);
      const before = used();
      for (let n = 0; n < 39; n += 1) yield Buffer.from('\r\n'.repeat(10_000));
      kept = used() - before;
    }
    let kept = 0;
    const stream = () => Readable.from(pieces(), { highWaterMark: 1 });
    expect((await reportIn({ size: 800_000, bytes: undefined, stream })).length).toBe(780_000);
    expect(kept).toBeGreaterThan(-10_000_000);
    expect(kept).toBeLessThan(10_000_000);
  });

  it('is read no further than the report', async () => {
    const head = part(JSON_PART, '{}', '--b', 'Content-Type: text/plain', '').slice(0, -'--b--\r\n'.length);
    const { content, read } = repeated(head, Buffer.alloc(100_000, ' '), 150);
    expect((await reportIn(content)).toString()).toBe('{}');
    expect(read()).toBeLessThan(3);
  });

  it('has the largest report there may be, in base64', async () => {
    const json = Buffer.alloc(10 * 1024 * 1024, ' ');
    const mail = reportMail(json, { type: 'application/tlsrpt+json' });
    expect((await reportOf(mail)).equals(json)).toBe(true);
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
