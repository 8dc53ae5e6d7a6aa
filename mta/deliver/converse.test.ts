import { describe, expect, it } from 'vitest';
import { SmtpError, smtpError } from '../errors.ts';
import { converse } from './converse.ts';
import { CUT, type Script } from './testing/peer.ts';
import { contentOf, hopTo } from './testing/send.ts';
import { usePeers } from './testing/use-peers.ts';

const { peerOf, pool } = usePeers();
const LIMITED = '250-peer.test\r\n250 LIMITS RCPTMAX=1 MAILMAX=1';

async function run(
  script: Script,
  more: { readonly count?: number; readonly owns?: () => boolean; readonly mostConnections?: number } = {},
) {
  const peer = await peerOf(script);
  const sessions = pool();
  const { count = 3, owns = () => true, mostConnections = Number.POSITIVE_INFINITY } = more;
  const lent = new Set<object>();
  let acquired = 0;
  const counted = {
    acquire: async () => {
      acquired += 1;
      if (acquired > mostConnections) throw smtpError('connectionFailed');
      const session = await sessions.acquire(hopTo(peer.port));
      lent.add(session);
      return session;
    },
    release: (session: Awaited<ReturnType<typeof sessions.acquire>>) => {
      sessions.release(session);
      lent.delete(session);
    },
  };
  const conversed = await converse(await counted.acquire(), {
    ...{ sessions: counted, destination: 'mx:peer.test', content: contentOf('x\r\n'), owns },
    attempt: { id: 'a-1', number: 1 },
    envelope: {
      from: 'anna@ours.test',
      recipients: Array.from({ length: count }, (_, at) => ({ address: `r${at}@peer.test` })),
      arrivedAt: 0,
      origin: { listener: 'smtp', protocol: 'ESMTP' },
    },
    recipients: Array.from({ length: count }, (_, at) => at),
    failure: (error) => (error instanceof SmtpError ? error : smtpError('localError', { cause: error })),
  }).catch((error: SmtpError) => error);
  // Whatever came of it, none is kept.
  expect(lent.size).toBe(0);
  return { peer, conversed };
}

const codes = (conversed: Awaited<ReturnType<typeof run>>['conversed']) =>
  conversed instanceof SmtpError
    ? conversed.code
    : conversed.results.map(({ recipient, reply }) => [recipient, reply.code]);

describe('a message that takes several transactions', () => {
  it('has a result for each recipient, of as many sessions as it takes', async () => {
    const { peer, conversed } = await run({ answers: { EHLO: LIMITED } });
    expect(codes(conversed)).toEqual([
      [0, 250],
      [1, 250],
      [2, 250],
    ]);
    expect(peer.connections()).toBe(3);
  });

  it('keeps the results that there are where no further session can be had', async () => {
    const { peer, conversed } = await run({ answers: { EHLO: LIMITED } }, { mostConnections: 2 });
    expect(codes(conversed)).toEqual([
      [0, 250],
      [1, 250],
      [2, 451],
    ]);
    expect(peer.contents).toHaveLength(2);
  });

  it('is answered for all where nobody has an answer', async () => {
    const { conversed } = await run({ answers: { EHLO: LIMITED, MAIL: '550 5.7.1 go away' } });
    expect(codes(conversed)).toBe(550);
  });

  it('is not tried again after its final dot, whose answer was lost', async () => {
    let contents = 0;
    const { peer, conversed } = await run({
      answers: { EHLO: LIMITED, content: () => (contents++ === 1 ? CUT : '250 2.0.0 Ok') },
    });
    expect(codes(conversed)).toEqual([
      [0, 250],
      [1, 451],
      [2, 451],
    ]);
    expect(peer.contents).toHaveLength(2);
  });

  it('ends with what was taken where it is not ours any more', async () => {
    const owned = [true, true, false];
    const { peer, conversed } = await run(
      { answers: { EHLO: LIMITED } },
      { owns: () => owned.shift() ?? false },
    );
    expect(codes(conversed)).toEqual([
      [0, 250],
      [1, 451],
      [2, 451],
    ]);
    expect(peer.contents).toHaveLength(1);
  });

  it('leaves what was over a limit to a transaction of its own only where others were taken', async () => {
    let rcpts = 0;
    const over = await run({
      answers: { EHLO: '250 peer.test', RCPT: () => (rcpts++ === 0 ? '250 Ok' : '452 4.5.3 enough') },
    });
    expect(codes(over.conversed)).toEqual([
      [0, 250],
      [1, 452],
      [2, 452],
    ]);
    const none = await run({ answers: { EHLO: '250 peer.test', RCPT: '452 4.5.3 enough' } });
    expect(codes(none.conversed)).toEqual([
      [0, 452],
      [1, 452],
      [2, 452],
    ]);
  });
});
