import { describe, expect, it } from 'vitest';
import type { SmtpError } from '../errors.ts';
import { type Script, WITHOUT_PIPELINING } from './testing/peer.ts';
import { contentOf, hopTo, type Sent, send, streamOf } from './testing/send.ts';
import { SHORT, usePeers } from './testing/use-peers.ts';

const { peerOf, pool, outcome } = usePeers();

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
    const peer = await peerOf({ answers: { EHLO: WITHOUT_PIPELINING } });
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

describe('refusals', () => {
  const perRecipient = (line: string) =>
    line.includes('bad')
      ? '550 5.1.1 Nobody'
      : line.includes('full')
        ? '452-4.2.2 Mailbox\r\n452 4.2.2 is full'
        : '250 Ok';

  it.each([
    ['pipelined', undefined],
    ['one by one', WITHOUT_PIPELINING],
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
    ['one by one', WITHOUT_PIPELINING],
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
    ['one by one', WITHOUT_PIPELINING],
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
      { answers: { EHLO: WITHOUT_PIPELINING } },
      { content: contentOf(Buffer.alloc(1001)) },
      { code: 552, enhanced: '5.3.4' },
    ],
    [
      'what can not be converted, without 8BITMIME',
      { answers: { EHLO: WITHOUT_PIPELINING } },
      { envelope: { eightBit: true }, content: contentOf('Message-ID: <\u00fc@x>\r\n\r\n') },
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
      code: 451,
      enhanced: '4.3.5',
      closes: true,
    });
    expect(peer.lines).toEqual(['LHLO mx.ours.test']);
  });
});
