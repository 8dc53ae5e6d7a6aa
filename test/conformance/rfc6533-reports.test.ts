/** RFC 6533: reports of mail whose addresses and header are in UTF-8, to senders whose servers take that and to others. */
import { isAscii } from 'node:buffer';
import PostalMime, { type Email } from 'postal-mime';
import { afterEach, describe, expect, it } from 'vitest';
import { blocks } from '../../mta/reports/testing/blocks.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const WITH_UTF8 = '250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8';
const REFUSING = { answers: { EHLO: WITH_UTF8, RCPT: '550 5.1.1 kein Nutzer bøb' } };
const TO_BOB = 'RCPT TO:<bøb@peer.test> ORCPT=utf-8;b\\x{F8}b\\x{2B}x@elsewhere.test';
const HEADER = 'From: jörg@sender.test\r\nMessage-ID: <x@sender.test>\r\nSubject: Grüße\r\n';

interface Sent {
  /** What the server of the sender says to EHLO. */
  readonly inbox: string;
  readonly mail?: string;
  readonly rcpt?: string;
  readonly content?: string;
}

interface Heard {
  readonly relay: Relay;
  readonly raw: Buffer;
  readonly report: Email;
  /** Content-Type of a part: text of that. */
  readonly part: (type: string) => string | undefined;
  /** MAIL of the report. */
  readonly mail: string;
}

/** What the sender hears of a message that was refused. */
async function hear({
  inbox,
  mail = 'MAIL FROM:<anna@sender.test> SMTPUTF8',
  rcpt = TO_BOB,
  content = `${HEADER}\r\nGrüße\r\n`,
}: Sent): Promise<Heard> {
  const relay = await startRelay({ peer: REFUSING, inbox: { answers: { EHLO: inbox } } });
  const wire = await Wire.hello(relay.port);
  wire.send(Buffer.from(`${mail}\r\n${rcpt}\r\nDATA\r\n`));
  expect(await wire.replies(3)).toEqual(['250 2.1.0', '250 2.1.5', '354']);
  wire.send(Buffer.from(`${content}.\r\n`));
  expect((await wire.reply()).status).toBe('250 2.0.0');
  await waitFor('the report', () => relay.inbox.contents.length > 0);
  const raw = relay.inbox.contents[0]!;
  const report = await PostalMime.parse(raw, { forceRfc822Attachments: true });
  const part = (type: string) => {
    const found = report.attachments.find(({ mimeType }) => mimeType === type);
    // This parser writes line ends its own way.
    return (
      found &&
      Buffer.from(found.content as ArrayBuffer)
        .toString()
        .replaceAll('\r\n', '\n')
    );
  };
  return { relay, raw, report, part, mail: relay.inbox.lines.find((line) => line.startsWith('MAIL'))! };
}

/** The header of a part of the report, as it came. */
const partHeader = (raw: Buffer, type: string): string =>
  raw
    .toString()
    .split('\r\n\r\n')
    .find((piece) => piece.includes(`Content-Type: ${type}\r\n`))!;

describe('RFC 6533: to a sender whose server has SMTPUTF8', () => {
  it('§3, §4.1: the status is in UTF-8, and says addresses and an ORCPT in unitext as they are', async () => {
    const { raw, part, mail } = await hear({ inbox: WITH_UTF8 });
    expect(mail).toMatch(/^MAIL FROM:<> BODY=8BITMIME SMTPUTF8$/);
    expect(partHeader(raw, 'message/global-delivery-status')).toContain('Content-Transfer-Encoding: 8bit');
    expect(blocks(part('message/global-delivery-status'))[1]).toMatchObject({
      'Original-Recipient': 'utf-8; bøb+x@elsewhere.test',
      'Final-Recipient': 'utf-8; bøb@peer.test',
      'Diagnostic-Code': 'smtp; 550 5.1.1 kein Nutzer bøb',
    });
    expect(part('message/delivery-status')).toBeUndefined();
  });

  it('§3: what is no address is copied from an ORCPT without alteration', async () => {
    const { part } = await hear({ inbox: WITH_UTF8, rcpt: 'RCPT TO:<bøb@peer.test> ORCPT=utf-8;b\\x{F8}b' });
    expect(blocks(part('message/global-delivery-status'))[1]).toMatchObject({
      'Original-Recipient': 'utf-8; b\\x{F8}b',
    });
  });

  it('§4.2: the message is returned whole as message/global, octet for octet', async () => {
    const { raw, part } = await hear({ inbox: WITH_UTF8 });
    expect(partHeader(raw, 'message/global')).toContain('Content-Transfer-Encoding: 8bit');
    expect(part('message/global')).toContain(`${HEADER}\r\nGrüße`.replaceAll('\r\n', '\n'));
    expect(raw.includes(Buffer.from(`${HEADER}\r\nGrüße\r\n`))).toBe(true);
  });

  it('§4.3: with RET=HDRS the header is returned as message/global-headers', async () => {
    const { raw, part } = await hear({
      inbox: WITH_UTF8,
      mail: 'MAIL FROM:<anna@sender.test> SMTPUTF8 RET=HDRS',
    });
    expect(partHeader(raw, 'message/global-headers')).toContain('Content-Transfer-Encoding: 8bit');
    expect(part('message/global-headers')).toContain('Subject: Grüße');
    expect(raw.toString().split('Grüße')).toHaveLength(2);
  });

  it('§4.4: what has nothing in UTF-8 is told in the older types', async () => {
    const { raw, part, mail } = await hear({
      inbox: WITH_UTF8,
      rcpt: 'RCPT TO:<bob@peer.test>',
      content: 'Subject: x\r\n\r\nx\r\n',
    });
    expect(mail).toBe('MAIL FROM:<>');
    expect(isAscii(raw)).toBe(true);
    expect(part('message/delivery-status')).toContain('Final-Recipient: rfc822; bob@peer.test');
    expect(part('message/rfc822')).toContain('Subject: x');
  });

  it('a sender in UTF-8 is reached', async () => {
    const { relay, report } = await hear({ inbox: WITH_UTF8, mail: 'MAIL FROM:<jörg@sender.test> SMTPUTF8' });
    expect(relay.inbox.lines).toContain('RCPT TO:<jörg@sender.test> NOTIFY=NEVER');
    expect(report.to).toEqual([{ address: 'jörg@sender.test', name: '' }]);
  });
});

describe('RFC 6533 §4.5: to a sender whose server has no SMTPUTF8', () => {
  it.each([
    ['8BITMIME', '250-peer.test\r\n250 8BITMIME', 'MAIL FROM:<> BODY=8BITMIME'],
    ['nothing else either', '250 peer.test', 'MAIL FROM:<>'],
  ])('and has %s: what is in UTF-8 is encoded, and says the same', async (_, inbox, said) => {
    const { raw, part, mail, report } = await hear({ inbox });
    expect(mail).toBe(said);
    expect(isAscii(raw)).toBe(true);
    expect(blocks(part('message/global-delivery-status'))[1]).toMatchObject({
      'Original-Recipient': 'utf-8; bøb+x@elsewhere.test',
      'Final-Recipient': 'utf-8; bøb@peer.test',
    });
    expect(part('message/global')).toContain(`${HEADER}\r\nGrüße`.replaceAll('\r\n', '\n'));
    for (const type of ['message/global-delivery-status', 'message/global']) {
      expect(partHeader(raw, type)).toContain('Content-Transfer-Encoding: quoted-printable');
    }
    expect(report.headers.find(({ key }) => key === 'content-type')!.value).toMatch(
      /^multipart\/report; report-type=delivery-status/,
    );
    expect(report.text).toContain('<bøb@peer.test>');
  });

  it('a domain in UTF-8 alone keeps nobody from being told', async () => {
    const relay = await startRelay({
      peer: {
        answers: { EHLO: '250 peer.test', RCPT: (line) => (/bob@/.test(line) ? '550 no' : '250 yes') },
      },
    });
    const wire = await Wire.hello(relay.port);
    wire.send(
      Buffer.from('MAIL FROM:<anna@bücher.test> SMTPUTF8\r\nRCPT TO:<bob@peer.test>\r\nDATA\r\nx\r\n.\r\n'),
    );
    await waitFor('the report', () => relay.peer.contents.length > 0);
    expect(relay.peer.lines).toContain('RCPT TO:<anna@xn--bcher-kva.test>');
    expect(relay.peer.contents[0]!.toString()).toContain('To: <anna@xn--bcher-kva.test>');
    expect(isAscii(relay.peer.contents[0]!)).toBe(true);
  });

  it('§3: an ORCPT in unitext is given on in its ASCII form, which is encoded once', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: '250-peer.test\r\n250 DSN' } } });
    const wire = await Wire.hello(relay.port);
    wire.send(
      Buffer.from(
        'MAIL FROM:<anna@sender.test> SMTPUTF8\r\nRCPT TO:<bob@peer.test> ORCPT=utf-8;bø\\x{2B}b@peer.test\r\nDATA\r\n',
      ),
    );
    expect(await wire.replies(3)).toEqual(['250 2.1.0', '250 2.1.5', '354']);
    wire.send('x\r\n.\r\n');
    await waitFor('delivery', () => relay.ended.length > 0);
    expect(relay.peer.lines).toContain('RCPT TO:<bob@peer.test> ORCPT=utf-8;b\\x{F8}\\x{2B}b@peer.test');
  });
});

describe('RFC 6533: to a sender who has not said SMTPUTF8', () => {
  it('§3: an ORCPT in UTF-8 is told in its ASCII form, in a message/delivery-status', async () => {
    const { raw, part, mail } = await hear({
      inbox: WITH_UTF8,
      mail: 'MAIL FROM:<anna@sender.test>',
      rcpt: 'RCPT TO:<bob@peer.test> ORCPT=utf-8;b\\x{F8}b@elsewhere.test',
      content: 'Subject: x\r\n\r\nx\r\n',
    });
    expect(mail).toBe('MAIL FROM:<>');
    expect(isAscii(raw)).toBe(true);
    expect(blocks(part('message/delivery-status'))[1]).toMatchObject({
      'Original-Recipient': 'utf-8; b\\x{F8}b@elsewhere.test',
      'Final-Recipient': 'rfc822; bob@peer.test',
    });
  });
});
