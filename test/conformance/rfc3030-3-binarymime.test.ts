/** RFC 3030 §3: BINARYMIME, from a client and to a next hop. */
import PostalMime from 'postal-mime';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(async () => {
  await stopRelays();
  await stopAll();
});

const BINARY = Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 11) % 256));
const MESSAGE = Buffer.concat([
  Buffer.from(
    'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n',
  ),
  BINARY,
]);
const WITH_BINARY =
  '250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 SIZE';

async function send(relay: Relay, ...rcpts: string[]): Promise<void> {
  const wire = await Wire.hello(relay.port);
  await wire.dialogue(
    'MAIL FROM:<anna@sender.test> BODY=BINARYMIME',
    ...rcpts.map((to) => `RCPT TO:<${to}>`),
  );
  wire.send(`BDAT ${MESSAGE.length} LAST\r\n`);
  wire.send(MESSAGE);
  expect((await wire.reply()).status).toBe('250 2.0.0');
  await waitFor('all to have ended', () => relay.ended.length >= rcpts.length);
}

describe('RFC 3030 §3: BINARYMIME from a client', () => {
  it('is announced', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    expect((await wire.command('EHLO x')).lines).toContain('BINARYMIME');
  });

  it('takes every octet as it is', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.dialogue('MAIL FROM:<x@elsewhere.test> BODY=BINARYMIME', 'RCPT TO:<anna@example.test>');
    wire.send(`BDAT ${MESSAGE.length} LAST\r\n`);
    wire.send(MESSAGE);
    expect((await wire.reply()).status).toBe('250 2.0.0');
    expect(Buffer.from(server.accepted[0]!.content, 'latin1').equals(MESSAGE)).toBe(true);
  });

  it('is not for DATA', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue('MAIL FROM:<> BODY=BINARYMIME', 'RCPT TO:<anna@example.test>', 'DATA'),
    ).toEqual(['250 2.1.0', '250 2.1.5', '503 5.5.1']);
  });
});

describe('RFC 3030 §3: BINARYMIME to a next hop', () => {
  it('that has it: by BDAT, every octet as it was', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: WITH_BINARY } } });
    await send(relay, 'bob@peer.test', 'eve@peer.test');
    expect(relay.ended.map(({ outcome }) => outcome)).toEqual(['delivered', 'delivered']);
    expect(relay.peer.lines.find((line) => line.startsWith('MAIL'))).toMatch(/ BODY=BINARYMIME$/);
    expect(relay.peer.lines).not.toContain('DATA');
    expect(relay.peer.contents[0]!.subarray(-MESSAGE.length).equals(MESSAGE)).toBe(true);
  });

  it.each([
    ['has 8BITMIME', '250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING'],
    ['has BINARYMIME without CHUNKING', '250-peer.test\r\n250-8BITMIME\r\n250 BINARYMIME'],
    ['has nothing', '250 peer.test'],
  ])('that %s: converted, and it reads the same', async (_, EHLO) => {
    const relay = await startRelay({ peer: { answers: { EHLO } } });
    await send(relay, 'bob@peer.test');
    expect(relay.peer.lines).toContain('DATA');
    const [part] = (await PostalMime.parse(relay.peer.contents[0]!)).attachments;
    expect(Buffer.from(part!.content as ArrayBuffer).equals(BINARY)).toBe(true);
  });

  it('that refuses a chunk: nothing more of it is sent, and the next message goes on', async () => {
    let refused = 0;
    const relay = await startRelay({
      peer: {
        answers: { EHLO: WITH_BINARY, BDAT: () => (refused++ === 0 ? '452 4.3.1 full' : '250 2.0.0 Ok') },
      },
    });
    await send(relay, 'bob@peer.test');
    expect(relay.attempted[0]).toMatchObject({ reply: { code: 452, enhanced: '4.3.1' } });
    expect(relay.ended).toMatchObject([{ outcome: 'delivered', attempts: 2 }]);
    expect(relay.peer.lines).toContain('RSET');
  });

  it('that refuses all recipients: nothing of it is sent', async () => {
    const relay = await startRelay({
      peer: { answers: { EHLO: WITH_BINARY, RCPT: '550 5.1.1 no such user' } },
    });
    await send(relay, 'bob@peer.test');
    expect(relay.ended).toMatchObject([{ outcome: 'bounced', reply: { enhanced: '5.1.1' } }]);
    expect(relay.peer.lines.some((line) => line.startsWith('BDAT'))).toBe(false);
  });
});
