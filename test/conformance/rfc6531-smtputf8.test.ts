/** RFC 6531 and RFC 6532: addresses and headers in UTF-8, from a client and to a next hop. */
import { isAscii } from 'node:buffer';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(async () => {
  await stopRelays();
  await stopAll();
});

/** As its octets, which is what the client of these tests sends. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const WITH_UTF8 = '250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8';

async function send(
  relay: Relay,
  mail: string,
  rcpts: string[],
  content = 'Subject: x\r\n\r\nx\r\n',
): Promise<void> {
  const wire = await Wire.hello(relay.port);
  const statuses = await wire.dialogue(utf8(mail), ...rcpts.map(utf8), 'DATA');
  expect(statuses.at(-1)).toBe('354');
  wire.send(Buffer.from(`${content}.\r\n`));
  expect((await wire.reply()).status).toBe('250 2.0.0');
  await waitFor('all to have ended', () => relay.ended.length >= rcpts.length);
}

const commandsOf = ({ peer }: Relay) => peer.lines.filter((line) => /^(MAIL|RCPT)/.test(line));

describe('RFC 6531 §3: from a client', () => {
  it('§3.1: SMTPUTF8 is announced, beside 8BITMIME and without parameters', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    const { lines } = await wire.command('EHLO x');
    expect(lines).toContain('SMTPUTF8');
    expect(lines).toContain('8BITMIME');
  });

  it('§3.1 (4): the parameter has no value', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('MAIL FROM:<> SMTPUTF8=1', 'MAIL FROM:<> SMTPUTF8')).toEqual([
      '501 5.5.4',
      '250 2.1.0',
    ]);
  });

  it.each([
    ['a local part', 'jörg@any.test'],
    ['a quoted local part', '"jörg m"@any.test'],
    ['a domain', 'x@bücher.test'],
    ['characters beyond the first plane', '𝒶@any.test'],
  ])('§3.3: %s may be in UTF-8', async (_, address) => {
    const { port } = await serve({ relayFrom: ['127.0.0.0/8'] });
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue(utf8(`MAIL FROM:<${address}> SMTPUTF8`), utf8(`RCPT TO:<${address}>`)),
    ).toEqual(['250 2.1.0', '250 2.1.5']);
  });

  it('§3.5: without the parameter an address has to be ASCII: 550 5.6.7 for MAIL, 553 5.6.7 for RCPT', async () => {
    const { port } = await serve({ relayFrom: ['127.0.0.0/8'] });
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue(
        utf8('MAIL FROM:<jörg@sender.test>'),
        'MAIL FROM:<x@sender.test>',
        utf8('RCPT TO:<jörg@any.test>'),
      ),
    ).toEqual(['550 5.6.7', '250 2.1.0', '553 5.6.7']);
  });

  it('§3.3: what isn’t UTF-8, or a control character of it, is no address', async () => {
    const { port } = await serve({ relayFrom: ['127.0.0.0/8'] });
    const wire = await Wire.hello(port);
    await wire.command('MAIL FROM:<> SMTPUTF8');
    for (const bad of [
      'j\xf6rg@any.test',
      utf8('j\u0085rg@any.test'),
      utf8('x@-ö-.test'),
      utf8('x@ö..test'),
    ]) {
      expect((await wire.command(`RCPT TO:<${bad}>`)).status).toMatch(/^501 5\.(5\.4|1\.3)$/);
    }
  });

  it('RFC 5890 §2.3.2.1: a U-label and its A-label are the same domain', async () => {
    const relay = await startRelay({ domains: ['xn--bcher-kva.test'], listener: { relayFrom: [] } });
    const wire = await Wire.hello(relay.port);
    expect(
      await wire.dialogue(
        'MAIL FROM:<> SMTPUTF8',
        utf8('RCPT TO:<anna@bücher.test>'),
        utf8('RCPT TO:<anna@BÜCHER.test>'),
      ),
    ).toEqual(['250 2.1.0', '250 2.1.5', '250 2.1.5']);
  });

  it('§4.3: the trace says UTF8SMTP', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: WITH_UTF8 } } });
    await send(relay, 'MAIL FROM:<anna@sender.test> SMTPUTF8', ['RCPT TO:<bob@peer.test>']);
    expect(relay.peer.contents[0]!.toString()).toMatch(/ with UTF8SMTP id /);
  });
});

describe('RFC 6531 §3.2 to §3.4: to a next hop', () => {
  it('that has SMTPUTF8: addresses and header as they came, and the parameter', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: WITH_UTF8 } } });
    const from = 'From: jörg@sender.test\r\n';
    await send(
      relay,
      'MAIL FROM:<jörg@sender.test> SMTPUTF8',
      ['RCPT TO:<bøb@peer.test> ORCPT=utf-8;bøb@peer.test'],
      `${from}\r\nx\r\n`,
    );
    expect(commandsOf(relay)).toEqual([
      'MAIL FROM:<jörg@sender.test> BODY=8BITMIME SMTPUTF8',
      'RCPT TO:<bøb@peer.test> ORCPT=utf-8;bøb@peer.test',
    ]);
    expect(relay.peer.contents[0]!.toString()).toContain(from);
  });

  it('that has not: what needs nothing of it goes as any other mail', async () => {
    const relay = await startRelay();
    await send(
      relay,
      'MAIL FROM:<anna@sender.test> SMTPUTF8',
      ['RCPT TO:<bob@peer.test>'],
      'Subject: x\r\n\r\nGrüße\r\n',
    );
    expect(commandsOf(relay)[0]).toMatch(/^MAIL FROM:<anna@sender\.test> SIZE=\d+ BODY=8BITMIME$/);
    expect(relay.ended[0]).toMatchObject({ outcome: 'delivered' });
  });

  it('that has not: a domain goes as A-labels, and an original recipient in its ASCII form (RFC 6533 §3)', async () => {
    const relay = await startRelay({
      peer: { answers: { EHLO: '250-peer.test\r\n250-8BITMIME\r\n250 DSN' } },
    });
    await send(relay, 'MAIL FROM:<anna@bücher.test> SMTPUTF8', [
      'RCPT TO:<bob@münchen.test> ORCPT=utf-8;bøb@münchen.test',
    ]);
    expect(commandsOf(relay)).toEqual([
      'MAIL FROM:<anna@xn--bcher-kva.test>',
      'RCPT TO:<bob@xn--mnchen-3ya.test> ORCPT=utf-8;b\\x{F8}b@m\\x{FC}nchen.test',
    ]);
    expect(isAscii(relay.peer.contents[0]!)).toBe(true);
  });

  it.each([
    ['a local part', 'RCPT TO:<bøb@peer.test>', 'Subject: x\r\n\r\nx\r\n', '5.6.7'],
    ['a header field', 'RCPT TO:<bob@peer.test>', 'Subject: Grüße\r\n\r\nx\r\n', '5.6.9'],
    [
      'a header field of a part',
      'RCPT TO:<bob@peer.test>',
      'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Description: ü\r\n\r\nx\r\n--b--\r\n',
      '5.6.9',
    ],
  ])('that has not: %s in UTF-8 bounces, and nothing is sent', async (_, rcpt, content, enhanced) => {
    const relay = await startRelay();
    await send(relay, 'MAIL FROM:<anna@sender.test> SMTPUTF8', [rcpt], content);
    expect(relay.ended[0]).toMatchObject({ outcome: 'bounced', reply: { enhanced } });
    expect(relay.peer.lines).toEqual(['EHLO mx.ours.test']);
  });
});
