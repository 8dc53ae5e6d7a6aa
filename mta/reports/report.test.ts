import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { describe, expect, it } from 'vitest';
import type { Envelope, Recipient } from '../envelope.ts';
import type { StoredReply } from '../queue/types.ts';
import { buildReport } from './report.ts';
import { blocks } from './testing/blocks.ts';
import type { Action, Report, ReportInput } from './types.ts';

const arrivedAt = Date.UTC(2026, 10, 22, 14, 0, 0);
const now = arrivedAt + 3_600_000;

const refused: StoredReply = {
  code: 550,
  enhanced: '5.1.1',
  text: 'No such user here',
  remote: 'mx.example.org[192.0.2.1]:25',
};

const original = Buffer.from(
  'Received: from a\r\nMessage-ID: <m1@example.test>\r\nSubject: Hello\r\n\r\nThe body.\r\n.\r\nEnd\r\n',
);

type Change = Partial<Omit<ReportInput, 'envelope'>> & {
  envelope?: Partial<Envelope>;
  to?: Recipient[];
  action?: Action;
};

function input({
  envelope,
  to = [{ address: 'ben@example.org' }],
  action = 'failed',
  ...change
}: Change = {}): ReportInput {
  let counter = 0;
  return {
    id: 'a1b2-7',
    original: { bytes: original, complete: true },
    recipients: to.map((_, recipient) => ({ recipient, action, reply: refused, lastAttemptAt: now - 5000 })),
    retryUntil: now,
    hostname: 'mta.example.test',
    postmaster: 'postmaster@example.test',
    now,
    random: { fraction: () => 0.5, bytes: (length) => Buffer.alloc(length, ++counter) },
    envelope: {
      from: 'anna@example.test',
      recipients: to,
      arrivedAt,
      origin: { listener: 'submission', protocol: 'ESMTPSA' },
      ...envelope,
    },
    ...change,
  };
}

async function read(report: Report) {
  const mail = await PostalMime.parse(report.content, { forceRfc822Attachments: true });
  const part = (type: string) => {
    const found = mail.attachments.find((attachment) => attachment.mimeType === type);
    if (found === undefined) return undefined;
    return typeof found.content === 'string'
      ? found.content
      : Buffer.from(found.content as ArrayBuffer).toString('latin1');
  };
  return { report, mail, part, raw: report.content.toString('latin1') };
}

describe('buildReport', () => {
  it('goes from the null reverse-path to the reverse-path alone', async () => {
    const { report, mail } = await read(buildReport(input()));
    expect(report.envelope).toMatchObject({
      from: '',
      recipients: [{ address: 'anna@example.test', notify: ['NEVER'] }],
      bodyType: '7BIT',
      arrivedAt: now,
    });
    expect(mail.from).toMatchObject({ name: 'Mail Delivery System', address: 'postmaster@example.test' });
    expect(mail.to?.[0]).toMatchObject({ address: 'anna@example.test' });
    expect(mail.inReplyTo).toBe('<m1@example.test>');
    expect(mail.messageId).toMatch(/^<[0-9a-f]{30}@mta\.example\.test>$/);
    expect(mail.headers.find((h) => h.key === 'auto-submitted')?.value).toBe('auto-replied');
    expect(mail.headers.find((h) => h.key === 'content-type')?.value).toMatch(
      /^multipart\/report; report-type=delivery-status/,
    );
  });

  it('tells a person who, why, and by whom it was said', async () => {
    const { mail } = await read(buildReport(input()));
    expect(mail.text).toContain('<ben@example.org>:');
    expect(mail.text?.replace(/\s+/g, ' ')).toContain(
      'mx.example.org[192.0.2.1]:25 said: 550 5.1.1 No such user here',
    );
    expect(mail.text).toContain('a1b2-7');
  });

  it('tells a program the same in delivery-status', async () => {
    const recipients = [
      { address: 'ben@example.org', orcpt: 'rfc822;Ben+2Blists@example.org' },
      { address: 'eve@example.org' },
    ];
    const { part } = await read(
      buildReport({
        ...input({ to: recipients, envelope: { envid: 'QQ+2B314159' } }),
        recipients: [
          { recipient: 0, action: 'failed', reply: refused, lastAttemptAt: now - 5000 },
          { recipient: 1, action: 'failed', reply: { code: 451, enhanced: '', text: 'No answer from host' } },
        ],
      }),
    );
    expect(blocks(part('message/delivery-status'))).toEqual([
      {
        'Original-Envelope-Id': 'QQ+314159',
        'Reporting-MTA': 'dns; mta.example.test',
        'X-Postrider-Queue-Id': 'a1b2-7',
        'Arrival-Date': 'Sun, 22 Nov 2026 14:00:00 +0000',
      },
      {
        'Original-Recipient': 'rfc822; Ben+lists@example.org',
        'Final-Recipient': 'rfc822; ben@example.org',
        Action: 'failed',
        Status: '5.1.1',
        'Remote-MTA': 'dns; mx.example.org',
        'Diagnostic-Code': 'smtp; 550 5.1.1 No such user here',
        'Last-Attempt-Date': 'Sun, 22 Nov 2026 14:59:55 +0000',
      },
      {
        'Final-Recipient': 'rfc822; eve@example.org',
        Action: 'failed',
        Status: '4.0.0',
        'Diagnostic-Code': 'x-postrider; 451 No answer from host',
      },
    ]);
  });

  it('tells of a webhook by its host, and of its answer as one of HTTP', async () => {
    const reply = {
      code: 550,
      enhanced: '5.1.1',
      text: 'HTTP 410 Gone: no such',
      remote: 'https://[::1]:8443',
    };
    const recipients = [{ recipient: 0, action: 'failed' as const, reply }];
    const { mail, part } = await read(buildReport({ ...input(), recipients }));
    expect(blocks(part('message/delivery-status'))[1]).toMatchObject({
      Status: '5.1.1',
      'Remote-MTA': 'dns; [::1]',
      'Diagnostic-Code': 'x-http; 410 Gone: no such',
    });
    expect(mail.text?.replace(/\s+/g, ' ')).toContain(
      'https://[::1]:8443 said: 550 5.1.1 HTTP 410 Gone: no such',
    );
  });

  it('returns the whole message, byte for byte', async () => {
    const { report } = await read(buildReport(input()));
    expect(report.content.includes(original)).toBe(true);
  });

  it.each([
    ['RET=HDRS', input({ envelope: { ret: 'HDRS' } })],
    ['a message above the bound', input({ original: { bytes: original, complete: false } })],
    [
      '8-bit content that nobody asked for',
      input({ original: { bytes: Buffer.concat([original, Buffer.from([0xe9, 13, 10])]), complete: true } }),
    ],
  ])('returns the header alone for %s', async (_, what) => {
    const { report, part } = await read(buildReport(what));
    expect(part('message/rfc822')).toBeUndefined();
    expect(part('text/rfc822-headers')).toContain('Subject: Hello');
    expect(report.content.includes('The body.')).toBe(false);
    expect(report.envelope.eightBit).toBe(false);
  });

  it('says 8BITMIME where FULL returns 8-bit content', async () => {
    const bytes = Buffer.concat([original, Buffer.from([0xe9, 13, 10])]);
    const { report, mail } = await read(
      buildReport(input({ envelope: { ret: 'FULL' }, original: { bytes, complete: true } })),
    );
    expect(report.envelope).toMatchObject({ bodyType: '8BITMIME', eightBit: true });
    expect(mail.headers.find((h) => h.key === 'content-transfer-encoding')?.value).toBe('8bit');
    expect(report.content.includes(bytes)).toBe(true);
  });

  it('returns 8-bit and endless header lines in 7 bits', async () => {
    const bytes = Buffer.from(`Subject: h\u00e9llo\r\nX-Long: ${'y'.repeat(5000)}\r\n\r\nbody`);
    const { report, raw, part } = await read(
      buildReport(input({ envelope: { ret: 'HDRS' }, original: { bytes, complete: true } })),
    );
    expect(isSevenBit(raw)).toBe(true);
    expect(report.envelope.bodyType).toBe('7BIT');
    expect(Buffer.from(part('text/rfc822-headers') ?? '', 'latin1').toString()).toContain(
      'Subject: h\u00e9llo',
    );
  });

  it('takes no harm from what others wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 3000 }),
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.uint8Array({ maxLength: 3000 }),
        async (text, address, bytes) => {
          const what = input({
            to: [{ address: `${address}@example.org`, orcpt: `rfc822;${address}` }],
            original: { bytes: Buffer.from(bytes), complete: false },
          });
          const report = buildReport({
            ...what,
            recipients: [
              { recipient: 0, action: 'failed', reply: { code: 550, enhanced: text, text, remote: text } },
            ],
          });
          const { raw, part } = await read(report);
          expect(isSevenBit(raw)).toBe(true);
          expect(blocks(part('message/delivery-status'))).toHaveLength(2);
          expect(raw.split('\r\n').every((line) => line.length <= 998)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a report of a message with SMTPUTF8', () => {
  const utf8 = Buffer.from(
    'From: j\u00f6rg@example.test\r\nSubject: Gr\u00fc\u00dfe\r\n\r\nGr\u00fc\u00dfe\r\n',
  );
  const change = (more: Partial<Envelope> = {}, bytes = utf8): Change => ({
    to: [{ address: 'b\u00f8b@example.org' }],
    envelope: { smtputf8: true, ...more },
    original: { bytes, complete: true },
  });

  // RFC 6533 §4
  it('is in UTF-8 where that is, and needs SMTPUTF8 for it', async () => {
    const report = buildReport(input(change()));
    expect(report.envelope).toMatchObject({ smtputf8: true, bodyType: '8BITMIME', eightBit: true });
    const text = report.content.toString();
    expect(text).toContain('message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n');
    expect(text).toContain('\r\nFinal-Recipient: utf-8; b\u00f8b@example.org\r\n');
    expect(text).toContain('message/global\r\nContent-Transfer-Encoding: 8bit\r\n');
    expect(report.content.includes(utf8)).toBe(true);
    expect(text.split('\r\n\r\n')[0]).toMatch(/^[\x20-\x7e\r\n]*$/);
  });

  it.each([
    ['HDRS', change({ ret: 'HDRS' })],
    ['a message above the bound', { ...change(), original: { bytes: utf8, complete: false } }],
  ])('returns the header as message/global-headers for %s', async (_, what) => {
    const { content } = buildReport(input(what));
    expect(content.toString()).toContain('message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n');
    expect(content.toString().split('Gr\u00fc\u00dfe')).toHaveLength(2);
  });

  it('whose header is not in UTF-8 returns that as it was, in 7 bits', async () => {
    const bytes = Buffer.from('Subject: Gr\xfc\xdfe\r\n\r\nx\r\n', 'latin1');
    const { content } = buildReport(input(change({}, bytes)));
    expect(content.toString('latin1')).toContain(
      'text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable',
    );
    expect(content.toString('latin1')).toContain('Subject: Gr=FC=DFe');
  });

  it('whose header has lines without end returns it encoded', async () => {
    const bytes = Buffer.from(`Subject: \u00fc${'y'.repeat(5000)}\r\n\r\nx\r\n`);
    const report = buildReport(input(change({ ret: 'HDRS' }, bytes)));
    expect(report.content.toString()).toContain(
      'message/global-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n',
    );
  });

  it('whose header is ASCII is a message/rfc822, and 8-bit content is for who asked for FULL', async () => {
    const bytes = Buffer.from('Subject: x\r\n\r\nGr\u00fc\u00dfe\r\n');
    expect(buildReport(input(change({}, bytes))).content.toString()).toContain('text/rfc822-headers');
    expect(buildReport(input(change({ ret: 'FULL' }, bytes))).content.toString()).toContain(
      'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit',
    );
  });

  it('takes no harm from what others wrote', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 3000 }),
        fc.string({ unit: 'binary', maxLength: 600 }),
        fc.string({ unit: 'binary', maxLength: 600 }),
        (text, address, header) => {
          const what = input({
            ...change({}, Buffer.from(`X: ${header}\u00fc`)),
            to: [{ address: `${address}\u00fc@example.org`, orcpt: `utf-8;${address}` }],
          });
          const reply = { code: 550, enhanced: text, text, remote: text };
          const { content } = buildReport({
            ...what,
            recipients: [{ recipient: 0, action: 'failed', reply }],
          });
          const status = content.toString('latin1').split(/\r\n--postrider-\w+(?:--)?\r\n/)[2]!;
          const lines = status.split('\r\n');
          expect(lines.every((line) => line.length <= 998 && !/[\0\r\n]/.test(line))).toBe(true);
          expect(isUtf8(Buffer.from(status, 'latin1'))).toBe(true);
          expect(status.trimEnd().split('\r\n\r\n')).toHaveLength(3);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a report of what has not failed', () => {
  const taken: StoredReply = {
    code: 250,
    enhanced: '',
    text: 'Saved',
    remote: 'mx.example.org[192.0.2.1]:24',
  };

  it('says until when it is tried, and returns the header alone', async () => {
    const until = arrivedAt + 5 * 86_400_000;
    const { part, mail } = await read(
      buildReport(input({ action: 'delayed', retryUntil: until, envelope: { ret: 'FULL' } })),
    );
    expect(blocks(part('message/delivery-status'))[1]).toMatchObject({
      Action: 'delayed',
      'Will-Retry-Until': 'Fri, 27 Nov 2026 14:00:00 +0000',
    });
    expect(mail.subject).toContain('Delayed');
    expect(part('message/rfc822')).toBeUndefined();
  });

  it.each(['delivered', 'relayed'] as const)(
    'says who was %s, and returns the header alone',
    async (action) => {
      const { part, mail } = await read(
        buildReport(
          input({ recipients: [{ recipient: 0, action, reply: taken }], envelope: { ret: 'FULL' } }),
        ),
      );
      const status = blocks(part('message/delivery-status'))[1];
      expect(status).toMatchObject({ Action: action, Status: '2.0.0', 'Remote-MTA': 'dns; mx.example.org' });
      expect(status).not.toHaveProperty('Will-Retry-Until');
      expect(mail.subject?.toLowerCase()).toContain(action);
      expect(mail.text).toContain('<ben@example.org>');
      expect(part('message/rfc822')).toBeUndefined();
    },
  );

  it('of several fates tells each, the gravest first', async () => {
    const to = ['a', 'b', 'c'].map((name) => ({ address: `${name}@example.org` }));
    const recipients = [
      { recipient: 0, action: 'delivered', reply: taken },
      { recipient: 1, action: 'failed', reply: refused },
      { recipient: 2, action: 'delayed', reply: { code: 450, enhanced: '4.2.0', text: 'later' } },
    ] as const;
    const { part, mail } = await read(buildReport(input({ to, recipients })));
    expect(mail.subject).toContain('Undelivered');
    expect(
      blocks(part('message/delivery-status'))
        .slice(1)
        .map((block) => block['Action']),
    ).toEqual(['delivered', 'failed', 'delayed']);
    const positions = ['b', 'c', 'a'].map((name) => mail.text!.indexOf(`<${name}@example.org>`));
    expect(positions).toEqual(positions.toSorted((one, other) => one - other));
    expect(part('message/rfc822')).toContain('The body.');
  });
});

/** No octet above 127 or NUL, no bare CR or LF. */
function isSevenBit(raw: string): boolean {
  const bytes = Buffer.from(raw, 'latin1');
  return bytes.every((byte) => byte > 0 && byte < 128) && !/[\r\n]/.test(raw.replaceAll('\r\n', ''));
}
