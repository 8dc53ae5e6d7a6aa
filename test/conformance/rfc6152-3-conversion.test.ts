/** RFC 6152 §3: what a next hop without 8BITMIME is sent. */
import { isAscii } from 'node:buffer';
import PostalMime from 'postal-mime';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const SEVEN_BIT = { answers: { EHLO: '250-peer.test\r\n250-PIPELINING\r\n250 SIZE' } };
const HEADER =
  'Subject: hello\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n';

async function send(
  relay: Relay,
  content: string,
  mail = 'MAIL FROM:<anna@sender.test> BODY=8BITMIME',
): Promise<void> {
  const wire = await Wire.hello(relay.port);
  await wire.dialogue(mail, 'RCPT TO:<bob@peer.test>', 'DATA');
  wire.send(Buffer.from(`${content}.\r\n`));
  expect((await wire.reply()).status).toBe('250 2.0.0');
  await waitFor('it to have ended', () => relay.ended.length > 0);
}

describe('RFC 6152 §3: 8-bit content', () => {
  it('goes as it came, with BODY=8BITMIME, to who has 8BITMIME', async () => {
    const relay = await startRelay();
    await send(relay, `${HEADER}\r\nGrüße\r\n`);
    expect(relay.peer.lines.find((line) => line.startsWith('MAIL'))).toMatch(/ BODY=8BITMIME$/);
    expect(relay.peer.contents[0]!.toString()).toContain('\r\n\r\nGrüße\r\n');
  });

  it('is converted to MIME of seven bits for who has not, and reads the same', async () => {
    const relay = await startRelay({ peer: SEVEN_BIT });
    await send(relay, `${HEADER}\r\nGrüße\r\n`);
    expect(relay.ended[0]).toMatchObject({ outcome: 'delivered' });
    expect(relay.peer.lines.find((line) => line.startsWith('MAIL'))).toMatch(
      /^MAIL FROM:<anna@sender\.test> SIZE=\d+$/,
    );
    const content = relay.peer.contents[0]!;
    expect(isAscii(content)).toBe(true);
    expect(content.toString()).toContain('Content-Transfer-Encoding: quoted-printable');
    expect((await PostalMime.parse(content)).text).toContain('Grüße');
  });

  it('is converted where nobody said that it is 8-bit', async () => {
    const relay = await startRelay({ peer: SEVEN_BIT });
    await send(relay, 'Subject: x\r\n\r\nGrüße\r\n', 'MAIL FROM:<anna@sender.test>');
    expect(isAscii(relay.peer.contents[0]!)).toBe(true);
    expect(relay.peer.contents[0]!.toString()).toContain('MIME-Version: 1.0\r\n');
  });

  it('bounces with 5.6.3 where that would break a signature', async () => {
    const relay = await startRelay({ peer: SEVEN_BIT });
    await send(
      relay,
      `MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n${HEADER}\r\nGrüße\r\n--b--\r\n`,
    );
    expect(relay.ended[0]).toMatchObject({ outcome: 'bounced', reply: { code: 554, enhanced: '5.6.3' } });
    expect(relay.peer.lines).toEqual(['EHLO mx.ours.test']);
    await waitFor('the bounce', () => relay.inbox.contents.length > 0);
    expect(relay.inbox.contents[0]!.toString()).toContain('Status: 5.6.3');
  });

  it('of seven bits is never touched, whatever it says of itself', async () => {
    const relay = await startRelay({ peer: SEVEN_BIT });
    await send(relay, `${HEADER}\r\nascii \r\n`);
    expect(relay.peer.contents[0]!.toString()).toContain(`${HEADER}\r\nascii \r\n`);
  });
});
