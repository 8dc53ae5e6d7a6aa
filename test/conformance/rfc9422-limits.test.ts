/** RFC 9422 (LIMITS), to clients and from next hops; and next hops that have limits and don't say so. */
import { afterEach, describe, expect, it } from 'vitest';
import { CUT } from '../../mta/deliver/testing/peer.ts';
import { relay as smartHost } from '../support/config.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(async () => {
  await stopRelays();
  await stopAll();
});

const saying = (limits: string) => `250-peer.test\r\n250-PIPELINING\r\n250 LIMITS ${limits}`;
const named = (count: number) => Array.from({ length: count }, (_, at) => `r${at}@peer.test`);

async function send(relay: Relay, to: readonly string[]): Promise<void> {
  const wire = await Wire.hello(relay.port);
  const rcpts = to.map((address) => `RCPT TO:<${address}>`);
  expect((await wire.dialogue('MAIL FROM:<anna@sender.test>', ...rcpts, 'DATA')).at(-1)).toBe('354');
  wire.send('Subject: x\r\n\r\nx\r\n.\r\n');
  expect((await wire.reply()).status).toBe('250 2.0.0');
}

const allEnded = (relay: Relay, count: number) =>
  waitFor('all to have ended', () => relay.ended.length >= count);

/** Recipients of each transaction, and `QUIT`. */
function transactions({ peer }: Relay): (readonly string[] | 'QUIT')[] {
  const found: (string[] | 'QUIT')[] = [];
  for (const line of peer.lines) {
    if (line.startsWith('MAIL')) found.push([]);
    else if (line.startsWith('RCPT')) (found.at(-1) as string[]).push(/<(.*)>/.exec(line)![1]!);
    else if (line === 'QUIT') found.push('QUIT');
  }
  return found;
}

describe('RFC 9422 §4: to a client', () => {
  it('the limits of the listener are announced, and hold', async () => {
    const { port } = await serve({ limits: { recipients: 3, transactionsPerSession: 2 } });
    const wire = await Wire.connect(port);
    await wire.reply();
    expect((await wire.command('EHLO x')).lines).toContain('LIMITS RCPTMAX=3 MAILMAX=2');
    const rcpts = Array.from({ length: 4 }, () => 'RCPT TO:<anna@example.test>');
    expect((await wire.dialogue('MAIL FROM:<x@y.test>', ...rcpts)).slice(3)).toEqual([
      ...['250 2.1.5', '452 4.5.3'],
    ]);
    expect(await wire.dialogue('RSET', 'MAIL FROM:<x@y.test>', 'RSET', 'MAIL FROM:<x@y.test>')).toEqual([
      ...['250 2.0.0', '250 2.1.0', '250 2.0.0', '421 4.7.0'],
    ]);
  });

  it('a number of more than six digits is none', async () => {
    const limits = { recipients: 1_000_000, transactionsPerSession: 1_000_000 };
    const some = await Wire.hello((await serve({ limits: { ...limits, recipients: 999_999 } })).port);
    expect((await some.command('EHLO x')).lines).toContain('LIMITS RCPTMAX=999999');
    const none = await Wire.hello((await serve({ limits })).port);
    expect((await none.command('EHLO x')).lines.join()).not.toContain('LIMITS');
  });
});

describe('RFC 9422 §4: of a next hop', () => {
  it('RCPTMAX: recipients are in several transactions of one session, which is one attempt', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: saying('RCPTMAX=2') } } });
    const to = named(5);
    await send(relay, to);
    await allEnded(relay, 5);
    expect(transactions(relay)).toEqual([to.slice(0, 2), to.slice(2, 4), to.slice(4)]);
    expect(relay.peer.connections()).toBe(1);
    expect(relay.ended.map(({ outcome, attempts }) => [outcome, attempts])).toEqual(
      to.map(() => ['delivered', 1]),
    );
    expect(relay.peer.contents.map(String)).toHaveLength(3);
  });

  it('RCPTMAX: each recipient has the result of its own transaction', async () => {
    let content = 0;
    const relay = await startRelay({
      peer: {
        answers: {
          EHLO: saying('RCPTMAX=2'),
          RCPT: (line) => (line.includes('r0@') ? '550 5.1.1 no such user' : '250 2.1.5 Ok'),
          content: () => (content++ === 1 ? '554 5.6.0 not this' : '250 2.0.0 Ok'),
        },
      },
    });
    await send(relay, named(5));
    await allEnded(relay, 5);
    const outcomes = relay.ended.map(({ to, outcome, reply }) => [to, outcome, reply.code]);
    expect(outcomes.toSorted()).toEqual([
      ['r0@peer.test', 'bounced', 550],
      ['r1@peer.test', 'delivered', 250],
      ['r2@peer.test', 'bounced', 554],
      ['r3@peer.test', 'bounced', 554],
      ['r4@peer.test', 'delivered', 250],
    ]);
  });

  it('MAILMAX: the session is ended in good time, and another begun', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: saying('RCPTMAX=1 MAILMAX=2') } } });
    const to = named(5);
    await send(relay, to);
    await allEnded(relay, 5);
    expect(relay.peer.connections()).toBe(3);
    expect(transactions(relay).filter((each) => each !== 'QUIT')).toEqual(to.map((each) => [each]));
    expect(relay.ended.every(({ attempts }) => attempts === 1)).toBe(true);
    await waitFor(
      'both to have been ended',
      () => transactions(relay).filter((each) => each === 'QUIT').length >= 2,
    );
  });

  it('MAILMAX: one that was kept for the next message is not used beyond it', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: saying('MAILMAX=2') } } });
    for (let sent = 1; sent <= 4; sent += 1) {
      await send(relay, ['bob@peer.test']);
      await allEnded(relay, sent);
    }
    expect(relay.peer.connections()).toBe(2);
  });

  it('RCPTDOMAINMAX: other domains are in other sessions', async () => {
    const relay = await startRelay({
      peer: { answers: { EHLO: saying('RCPTDOMAINMAX=2') } },
      relays: [smartHost('out', '127.0.0.1', 25)],
    });
    const to = ['a@one.test', 'b@two.test', 'c@three.test', 'd@One.Test'];
    await send(relay, to);
    await allEnded(relay, 4);
    expect(transactions(relay).filter((each) => each !== 'QUIT')).toEqual([[to[0], to[1], to[3]], [to[2]]]);
    expect(relay.peer.connections()).toBe(2);
    // The second session has room for one domain more; who it has no room for begins a third.
    await send(relay, ['e@four.test']);
    await allEnded(relay, 5);
    expect(relay.peer.connections()).toBe(2);
    await send(relay, ['f@five.test']);
    await allEnded(relay, 6);
    expect(relay.peer.connections()).toBe(3);
  });

  it('that ends the session between two transactions loses nothing: another is begun', async () => {
    let mails = 0;
    const relay = await startRelay({
      peer: { answers: { EHLO: saying('RCPTMAX=1'), MAIL: () => (mails++ === 1 ? CUT : '250 2.1.0 Ok') } },
    });
    await send(relay, named(3));
    await allEnded(relay, 3);
    expect(relay.peer.connections()).toBe(2);
    expect(relay.ended.map(({ outcome, attempts }) => `${outcome} ${attempts}`)).toEqual([
      ...['delivered 1', 'delivered 1', 'delivered 1'],
    ]);
    expect(relay.peer.contents).toHaveLength(3);
  });

  it('that takes no more than some now: the rest is tried later, and nobody twice', async () => {
    let mails = 0;
    const relay = await startRelay({
      peer: {
        answers: {
          EHLO: '250-peer.test\r\n250 LIMITS RCPTMAX=1',
          MAIL: () => (++mails === 2 ? '450 4.7.1 not so fast' : '250 2.1.0 Ok'),
        },
      },
    });
    await send(relay, named(3));
    await allEnded(relay, 3);
    const deferred = relay.attempted.filter(({ reply }) => reply.code === 450);
    expect(deferred.map(({ to }) => to)).toEqual(['r1@peer.test', 'r2@peer.test']);
    expect(relay.peer.contents).toHaveLength(3);
    const attempts = relay.ended.map((each) => [each.to, each.attempts]);
    expect(attempts.toSorted()).toEqual([
      ['r0@peer.test', 1],
      ['r1@peer.test', 2],
      ['r2@peer.test', 2],
    ]);
  });
});

describe('RFC 5321 §4.5.3.1.10: a next hop that has a limit of recipients and does not say so', () => {
  /** So many of each transaction are taken. */
  function taking(most: number, refusal: string) {
    let count = 0;
    return {
      MAIL: () => {
        count = 0;
        return '250 2.1.0 Ok';
      },
      RCPT: () => (count++ < most ? '250 2.1.5 Ok' : refusal),
    };
  }

  it.each([
    ['452 4.5.3 too many recipients', '250-peer.test\r\n250 PIPELINING'],
    ['452 too many', '250 peer.test'],
  ])('%s: the rest has a transaction of its own at once, of the same attempt', async (refusal, hello) => {
    const relay = await startRelay({ peer: { answers: { EHLO: hello, ...taking(40, refusal) } } });
    const to = named(100);
    await send(relay, to);
    await allEnded(relay, 100);
    expect(relay.peer.connections()).toBe(1);
    expect(relay.peer.contents).toHaveLength(3);
    expect(relay.ended.every(({ outcome, attempts }) => outcome === 'delivered' && attempts === 1)).toBe(
      true,
    );
    expect(new Set(relay.ended.map((each) => each.to)).size).toBe(100);
  });

  it('that takes none of them now is asked again later', async () => {
    const relay = await startRelay({ peer: { answers: taking(0, '452 4.5.3 too many recipients') } });
    await send(relay, named(2));
    await waitFor('two attempts', () => relay.attempted.filter((each) => each.attempts === 2).length === 2);
    expect(relay.ended).toEqual([]);
    const [first] = relay.attempted;
    expect(first!.nextAttemptAt).toBeGreaterThan(0);
  });
});
