import { describe, expect, it } from 'vitest';
import type { SmtpError } from '../errors.ts';
import { CUT, SILENCE, WITHOUT_PIPELINING } from './testing/peer.ts';
import { contentOf, hopTo, send, streamOf } from './testing/send.ts';
import { SHORT, usePeers } from './testing/use-peers.ts';

const { peerOf, pool, outcome } = usePeers();

describe('a connection that ends', () => {
  const lost = { code: 451, enhanced: '4.4.2', blame: 'nextHop', closes: true, uncertain: false };

  it.each([['MAIL'], ['RCPT'], ['DATA']])('at %s is an error for all', async (verb) => {
    expect(await outcome({ answers: { [verb]: CUT } })).toMatchObject(lost);
    expect(await outcome({ answers: { [verb]: CUT, EHLO: WITHOUT_PIPELINING } })).toMatchObject(lost);
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
