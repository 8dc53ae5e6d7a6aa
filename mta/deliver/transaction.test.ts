import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { SmtpError } from '../errors.ts';
import type { StoredReply } from '../queue/types.ts';
import { createSessions } from './sessions.ts';
import { CUT, type Peer, type Script, SILENCE, startPeer } from './testing/peer.ts';
import { contentOf, deliveryConfig, hopTo, type Sent, send, streamOf } from './testing/send.ts';
import type { Sessions } from './types.ts';

const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) {
    await end();
  }
});

async function peerOf(script: Script = {}): Promise<Peer> {
  const peer = await startPeer(script);
  cleanup.push(() => peer.close());
  return peer;
}

/** `seconds` are what every wait may take: `SHORT` where the peer is silent. */
function pool(seconds = 10): Sessions {
  const config = deliveryConfig({}, seconds);
  const sessions = createSessions({ config: () => config });
  cleanup.push(() => sessions.drain());
  return sessions;
}

/** What the transaction says: replies by recipient, or the error for all of them. */
async function outcome(
  script: Script,
  sent: Sent = {},
  more: { lmtp?: boolean; seconds?: number } = {},
): Promise<StoredReply[] | SmtpError> {
  const peer = await peerOf(script);
  const hop = hopTo(peer.port, more.lmtp === true ? { protocol: 'lmtp' } : {});
  return send(pool(more.seconds), hop, sent).catch((error: SmtpError) => error);
}

const SHORT = 0.2;

const plain = '250-peer.test\r\n250 SIZE 1000';

describe('a transaction', () => {
  it('sends MAIL, RCPT and DATA in one write, and content with its final dot in another', async () => {
    const peer = await peerOf();
    const replies = await send(pool(), hopTo(peer.port), { to: ['b@peer.test', 'c@peer.test'] });
    expect(replies).toEqual(
      [1, 2].map(() => ({ code: 250, enhanced: '2.0.0', text: 'Taken', remote: 'peer.test' })),
    );
    expect(peer.lines).toEqual([
      'EHLO mx.ours.test',
      'MAIL FROM:<anna@ours.test> SIZE=25',
      'RCPT TO:<b@peer.test>',
      'RCPT TO:<c@peer.test>',
      'DATA',
    ]);
    expect(peer.chunks.map(String)).toEqual([
      'EHLO mx.ours.test\r\n',
      'MAIL FROM:<anna@ours.test> SIZE=25\r\nRCPT TO:<b@peer.test>\r\nRCPT TO:<c@peer.test>\r\nDATA\r\n',
      'Subject: hello\r\n\r\nhello\r\n.\r\n',
    ]);
  });

  it('goes one command at a time without PIPELINING', async () => {
    const peer = await peerOf({ answers: { EHLO: plain } });
    expect(await send(pool(), hopTo(peer.port), { to: ['b@peer.test', 'c@peer.test'] })).toHaveLength(2);
    expect(peer.chunks.map(String).slice(1)).toEqual([
      'MAIL FROM:<anna@ours.test> SIZE=25\r\n',
      'RCPT TO:<b@peer.test>\r\n',
      'RCPT TO:<c@peer.test>\r\n',
      'DATA\r\n',
      'Subject: hello\r\n\r\nhello\r\n.\r\n',
    ]);
  });

  it('says HELO to whom EHLO means nothing, and no parameters then', async () => {
    const peer = await peerOf({ answers: { EHLO: '500 5.5.1 What?' } });
    expect(await send(pool(), hopTo(peer.port))).toMatchObject([{ code: 250 }]);
    expect(peer.lines).toEqual([
      'EHLO mx.ours.test',
      'HELO mx.ours.test',
      'MAIL FROM:<anna@ours.test>',
      'RCPT TO:<bob@peer.test>',
      'DATA',
    ]);
  });

  it('gives the null reverse-path and 8-bit content their parameters', async () => {
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port), { from: '', envelope: { eightBit: true } });
    expect(peer.lines).toContain('MAIL FROM:<> SIZE=25 BODY=8BITMIME');
  });

  it.each([
    ['dots', '.\r\n..\r\n.a\r\nb.\r\n\r\n.', '..\r\n...\r\n..a\r\nb.\r\n\r\n..\r\n.\r\n'],
    ['nothing', '', '.\r\n'],
    ['no last line end', 'a', 'a\r\n.\r\n'],
    ['bytes that are no text', '\u00ff\u00fe\r\n', '\u00ff\u00fe\r\n.\r\n'],
  ])('sends content of %s transparently', async (_what, content, wire) => {
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port), { content: contentOf(content) });
    expect(peer.contents.map(String)).toEqual([wire]);
  });
});

describe('large content', () => {
  const line = Buffer.from(`${'x'.repeat(77)}\r\n`);
  const large = Buffer.concat(
    Array.from({ length: 20_000 }, (_, at) => (at % 100 === 0 ? Buffer.from('.dot\r\n') : line)),
  );
  const wire = Buffer.from(`.${large.toString().replaceAll('\n.', '\n..')}.\r\n`);

  it('arrives as it is, from memory', async () => {
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port), { content: contentOf(large) });
    expect(peer.contents[0]?.equals(wire)).toBe(true);
  });

  it('arrives as it is, from a stream cut anywhere', async () => {
    const chunks: Buffer[] = [];
    for (let at = 0; at < large.length; ) {
      const size = 1 + (randomBytes(2).readUInt16BE() % 30_000);
      chunks.push(large.subarray(at, at + size));
      at += size;
    }
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port), { content: streamOf(chunks) });
    expect(peer.contents[0]?.equals(wire)).toBe(true);
  });

  it('is not read faster than a next hop takes it, whose silence ends the transaction', async () => {
    const peer = await peerOf({ deaf: true });
    let read = 0;
    let closed = false;
    const source = async function* () {
      try {
        for (; read < 1000; read++) {
          yield Buffer.alloc(65_536, 'a\r\n');
        }
      } finally {
        closed = true;
      }
    };
    const content = { size: 1, bytes: undefined, stream: () => Readable.from(source()) };
    await expect(send(pool(SHORT), hopTo(peer.port), { content })).rejects.toMatchObject({
      code: 451,
      enhanced: '4.4.2',
      uncertain: false,
    });
    // What fits into the sockets' buffers of the system, and no more.
    expect(read).toBeLessThan(400);
    await expect.poll(() => closed).toBe(true);
  });

  it.each([65_534, 65_536, 65_538, 131_072])('of %i bytes is answered once', async (size) => {
    const content = Buffer.alloc(size, 'a\r\n'.padEnd(16, 'b'));
    const peer = await peerOf();
    for (const sent of [contentOf(content), streamOf([content])]) {
      expect(await send(pool(), hopTo(peer.port), { content: sent })).toMatchObject([{ code: 250 }]);
    }
    expect(peer.contents.map(({ length }) => length)).toEqual([size + 5, size + 5]);
  });

  it('of many recipients is more than a socket takes at once', async () => {
    const peer = await peerOf();
    const to = Array.from({ length: 5000 }, (_, at) => `recipient-number-${at}@peer.test`);
    const replies = await send(pool(), hopTo(peer.port), { to });
    expect(replies.filter(({ code }) => code === 250)).toHaveLength(5000);
  });

  it('that can’t be read is not ended with a dot', async () => {
    const peer = await peerOf();
    const failing = async function* () {
      yield Buffer.alloc(100_000, 'a\r\n');
      throw new Error('EIO');
    };
    const content = { size: 1, bytes: undefined, stream: () => Readable.from(failing()) };
    await expect(send(pool(), hopTo(peer.port), { content })).rejects.toMatchObject({
      code: 451,
      enhanced: '4.3.0',
      blame: 'us',
    });
    await expect.poll(() => peer.partial.length).toBe(1);
    expect(peer.contents).toEqual([]);
  });
});

describe('refusals', () => {
  const perRecipient = (line: string) =>
    line.includes('bad')
      ? '550 5.1.1 Nobody'
      : line.includes('full')
        ? '452-4.2.2 Mailbox\r\n452 4.2.2 is full'
        : '250 Ok';

  it.each([
    ['pipelined', undefined],
    ['one by one', plain],
  ])('of some recipients stand beside the rest, %s', async (_how, ehlo) => {
    const to = ['bad@peer.test', 'good@peer.test', 'full@peer.test'];
    expect(
      await outcome(
        { answers: { RCPT: perRecipient, ...(ehlo === undefined ? {} : { EHLO: ehlo }) } },
        { to },
      ),
    ).toEqual([
      { code: 550, enhanced: '5.1.1', text: 'Nobody', remote: 'peer.test' },
      { code: 250, enhanced: '2.0.0', text: 'Taken', remote: 'peer.test' },
      { code: 452, enhanced: '4.2.2', text: 'Mailbox is full', remote: 'peer.test' },
    ]);
  });

  it.each([
    ['pipelined', undefined],
    ['one by one', plain],
  ])('of all recipients send no content, and the session goes on, %s', async (_how, ehlo) => {
    const peer = await peerOf({
      answers: {
        RCPT: perRecipient,
        DATA: (_line) => (peer.lines.at(-2)?.includes('bad') ? '503 5.5.1 No recipients' : '354 Go'),
        ...(ehlo === undefined ? {} : { EHLO: ehlo }),
      },
    });
    const sessions = pool();
    expect(await send(sessions, hopTo(peer.port), { to: ['bad@peer.test'] })).toMatchObject([{ code: 550 }]);
    expect(peer.contents).toEqual([]);
    expect(await send(sessions, hopTo(peer.port), { to: ['good@peer.test'] })).toMatchObject([{ code: 250 }]);
    expect(peer.connections()).toBe(1);
    expect(peer.lines.filter((line) => line === 'RSET')).toHaveLength(1);
  });

  it('of all recipients end an empty message where DATA was taken all the same', async () => {
    const peer = await peerOf({ answers: { RCPT: perRecipient, content: '554 5.5.1 No valid recipients' } });
    const sessions = pool();
    expect(await send(sessions, hopTo(peer.port), { to: ['bad@peer.test'] })).toMatchObject([
      { code: 550, enhanced: '5.1.1' },
    ]);
    expect(peer.contents.map(String)).toEqual(['.\r\n']);
  });

  it.each([
    ['pipelined', undefined],
    ['one by one', plain],
  ])('of MAIL are for everybody, %s', async (_how, ehlo) => {
    const answers = {
      MAIL: '550 5.7.1 Not you',
      RCPT: '503 5.5.1 Need MAIL',
      DATA: '503 5.5.1 Need MAIL',
      ...(ehlo === undefined ? {} : { EHLO: ehlo }),
    };
    expect(await outcome({ answers }, { to: ['a@peer.test', 'b@peer.test'] })).toMatchObject({
      code: 550,
      enhanced: '5.7.1',
      message: 'Not you',
      blame: 'nextHop',
      remote: 'peer.test',
      closes: false,
    });
  });

  it('of MAIL with a 354 for DATA cut the connection', async () => {
    const peer = await peerOf({ answers: { MAIL: '550 5.7.1 Not you' } });
    await expect(send(pool(), hopTo(peer.port))).rejects.toMatchObject({ code: 550, closes: true });
    expect(peer.contents).toEqual([]);
    await expect.poll(() => peer.open()).toBe(0);
  });

  it('of DATA and of content are each accepted recipient’s', async () => {
    const to = ['bad@peer.test', 'good@peer.test'];
    expect(await outcome({ answers: { RCPT: perRecipient, DATA: '451 4.3.2 Later' } }, { to })).toMatchObject(
      [{ code: 550 }, { code: 451, enhanced: '4.3.2' }],
    );
    expect(
      await outcome({ answers: { RCPT: perRecipient, content: '554 5.7.1 Spam' } }, { to }),
    ).toMatchObject([{ code: 550 }, { code: 554, enhanced: '5.7.1' }]);
  });

  it('that come in the midst of content end it', async () => {
    const content = streamOf(Array.from({ length: 150 }, () => Buffer.alloc(65_536, 'a\r\n')));
    expect(await outcome({ deaf: true, answers: { early: '552 5.3.4 Too big' } }, { content })).toMatchObject(
      {
        code: 552,
        enhanced: '5.3.4',
        remote: 'peer.test',
        closes: true,
        uncertain: false,
      },
    );
  });
});

describe('what a next hop can’t take', () => {
  it.each<[string, Script, Sent, Partial<SmtpError>]>([
    [
      'a message above its SIZE',
      { answers: { EHLO: plain } },
      { content: contentOf(Buffer.alloc(1001)) },
      { code: 552, enhanced: '5.3.4' },
    ],
    [
      '8-bit content without 8BITMIME',
      { answers: { EHLO: plain } },
      { envelope: { eightBit: true } },
      { code: 554, enhanced: '5.6.3' },
    ],
    ['a non-ASCII address without SMTPUTF8', {}, { to: ['bøb@peer.test'] }, { code: 550, enhanced: '5.6.7' }],
    ['a line break in an address', {}, { to: ['b@peer.test>\r\nRCPT TO:<x@y'] }, { code: 501 }],
  ])('%s is never begun', async (_what, script, sent, expected) => {
    const peer = await peerOf(script);
    const sessions = pool();
    await expect(send(sessions, hopTo(peer.port), sent)).rejects.toMatchObject(expected);
    expect(peer.lines).toEqual(['EHLO mx.ours.test']);
    expect(await send(sessions, hopTo(peer.port))).toMatchObject([{ code: 250 }]);
    expect(peer.connections()).toBe(1);
  });

  it('a SIZE of 0, or without a number, is no limit', async () => {
    for (const size of ['SIZE 0', 'SIZE']) {
      expect(
        await outcome(
          { answers: { EHLO: `250-peer.test\r\n250 ${size}` } },
          { content: contentOf(Buffer.alloc(9000, 'a')) },
        ),
      ).toMatchObject([{ code: 250 }]);
    }
  });

  it('sends SMTPUTF8 where it is offered and needed', async () => {
    const peer = await peerOf({ answers: { EHLO: '250-peer.test\r\n250 SMTPUTF8' } });
    await send(pool(), hopTo(peer.port), { to: ['bøb@peer.test'] });
    expect(peer.lines.slice(1, 3)).toEqual([
      'MAIL FROM:<anna@ours.test> SMTPUTF8',
      'RCPT TO:<bøb@peer.test>',
    ]);
  });
});

describe('a connection that ends', () => {
  const lost = { code: 451, enhanced: '4.4.2', blame: 'nextHop', closes: true, uncertain: false };

  it.each([['MAIL'], ['RCPT'], ['DATA']])('at %s is an error for all', async (verb) => {
    expect(await outcome({ answers: { [verb]: CUT } })).toMatchObject(lost);
    expect(await outcome({ answers: { [verb]: CUT, EHLO: plain } })).toMatchObject(lost);
  });

  it('after the final dot leaves the outcome open, and says so', async () => {
    const error = await outcome({ answers: { content: CUT } });
    expect(error).toMatchObject({ ...lost, uncertain: true });
    expect((error as SmtpError).message).toContain('after the content and before the reply');
    expect(await outcome({ answers: { content: SILENCE } }, {}, { seconds: SHORT })).toMatchObject({
      ...lost,
      uncertain: true,
    });
    expect(await outcome({ answers: { content: 'hm?' } })).toMatchObject({
      code: 451,
      enhanced: '4.5.0',
      uncertain: true,
    });
  });

  it('after a refusal leaves that recipient refused and the rest to be tried again', async () => {
    const RCPT = (line: string) => (line.includes('bad') ? '550 5.1.1 Nobody' : '250 Ok');
    const to = ['bad@peer.test', 'good@peer.test'];
    expect(await outcome({ answers: { RCPT, content: CUT } }, { to })).toMatchObject([
      { code: 550, remote: 'peer.test' },
      { code: 451, enhanced: '4.4.2', text: expect.stringContaining('after the content') },
    ]);
  });

  it('with 421 is that reply', async () => {
    for (const verb of ['MAIL', 'RCPT', 'DATA', 'content']) {
      expect(await outcome({ answers: { [verb]: '421 4.3.2 Going down' } }), verb).toMatchObject({
        code: 421,
        enhanced: '4.3.2',
        remote: 'peer.test',
        closes: true,
        uncertain: false,
      });
    }
  });

  it.each([['MAIL'], ['RCPT'], ['DATA'], ['content']])('by silence at %s has a deadline', async (verb) => {
    expect(await outcome({ answers: { [verb]: SILENCE } }, {}, { seconds: SHORT })).toMatchObject({
      code: 451,
      enhanced: '4.4.2',
    });
  });

  it.each<[string, string]>([
    ['no code', 'hello'],
    ['a code out of range', '999 no'],
    ['two codes in one reply', '250-a\r\n550 b'],
    ['an intermediate reply', '354 go'],
    ['a line without an end', 'x'.repeat(5000)],
    ['a reply without an end', '250-a\r\n'.repeat(200).trimEnd()],
  ])('with %s instead of a reply', async (_what, says) => {
    expect(await outcome({ answers: { MAIL: says } })).toMatchObject({
      code: 451,
      enhanced: '4.5.0',
      closes: true,
    });
  });
});

describe('ownership', () => {
  it('lost before MAIL sends nothing', async () => {
    const peer = await peerOf();
    await expect(send(pool(), hopTo(peer.port), { owned: () => false })).rejects.toMatchObject({
      code: 451,
      blame: 'us',
    });
    await expect.poll(() => peer.open()).toBe(0);
    expect(peer.lines).toEqual(['EHLO mx.ours.test']);
  });

  it.each([
    ['small', contentOf('a\r\n')],
    ['large', streamOf([Buffer.alloc(70_000, 'a\r\n'), Buffer.from('b\r\n')])],
  ])('lost before the final dot cuts the connection (%s content)', async (_size, content) => {
    const peer = await peerOf();
    let asked = 0;
    const owned = () => ++asked < 2;
    await expect(send(pool(), hopTo(peer.port), { content, owned })).rejects.toMatchObject({
      code: 451,
      blame: 'us',
      uncertain: false,
    });
    await expect.poll(() => peer.partial.length).toBe(1);
    expect(peer.contents).toEqual([]);
  });
});

describe('LMTP', () => {
  it('gives each accepted recipient a reply of its own', async () => {
    const content = '250 2.1.5 Filed\r\n550 5.2.2 Over quota';
    const RCPT = (line: string) => (line.includes('bad') ? '550 5.1.1 Nobody' : '250 Ok');
    expect(
      await outcome(
        { answers: { RCPT, content } },
        { to: ['a@peer.test', 'bad@peer.test', 'c@peer.test'] },
        { lmtp: true },
      ),
    ).toMatchObject([
      { code: 250, text: 'Filed' },
      { code: 550, text: 'Nobody' },
      { code: 550, enhanced: '5.2.2', text: 'Over quota' },
    ]);
  });

  it('keeps the replies that came before the connection was lost', async () => {
    const to = ['a@peer.test', 'b@peer.test'];
    expect(
      await outcome({ answers: { content: '250 2.1.5 Filed' } }, { to }, { lmtp: true, seconds: SHORT }),
    ).toMatchObject([{ code: 250 }, { code: 451, enhanced: '4.4.2' }]);
  });

  it('greets with LHLO and knows no HELO', async () => {
    const peer = await peerOf({ answers: { LHLO: '500 5.5.1 What?' } });
    await expect(send(pool(), hopTo(peer.port, { protocol: 'lmtp' }))).rejects.toMatchObject({
      code: 500,
      closes: true,
    });
    expect(peer.lines).toEqual(['LHLO mx.ours.test']);
  });
});
