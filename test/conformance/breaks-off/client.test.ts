/** The table of what breaks off, its side of a client: what becomes of a message that is on its way to a next hop. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Says } from '../../../mta/deliver/testing/peer.ts';
import { waitFor } from '../../support/wait.ts';
import { type Relay, startRelay, stopRelays } from '../relay.ts';
import { LIMITS, StillClock } from '../server.ts';
import { Wire } from '../wire.ts';
import { breakIdle, CLIENT_POINTS, type ClientPoint } from './client-points.ts';
import { CLIENT, HOP_BREAKS, type HopBreak, type Sent } from './table.ts';

afterEach(stopRelays);

/** More than the sockets of both ends hold. */
const LARGE = 20_000_000;
const BODIES: Readonly<Record<'large' | 'binary', Buffer>> = {
  large: Buffer.from(`Subject: x\r\n\r\n${`${'x'.repeat(98)}\r\n`.repeat(LARGE / 100)}`),
  binary: Buffer.from('Subject: x\r\n\r\n\0\x01\x02\xff'),
};
const SMALL = Buffer.from('Subject: x\r\n\r\nx\r\n');

function once(first: Says, then: Says): () => Says {
  let isFirst = true;
  return () => {
    const says = isFirst ? first : then;
    isFirst = false;
    return says;
  };
}

async function start(point: ClientPoint, how: HopBreak, withOther: boolean) {
  const clock = new StillClock();
  const relay = await startRelay({
    ...point.options,
    peer: point.script(how, once),
    ...(withOther && { other: point.other ?? {} }),
    listener: { limits: { ...LIMITS, messageSize: 2 * LARGE, sessionBytes: 0 } },
    world: { deliveryClock: clock },
  });
  return { relay, clock };
}

async function accepted(relay: Relay, point: Pick<ClientPoint, 'content' | 'recipients'>): Promise<void> {
  const body = point.content === undefined ? SMALL : BODIES[point.content];
  const isBinary = point.content === 'binary';
  const wire = await Wire.hello(relay.port);
  const recipients = point.recipients ?? ['bob@peer.test'];
  await wire.dialogue(
    `MAIL FROM:<anna@sender.test>${isBinary ? ' BODY=BINARYMIME' : ''}`,
    ...recipients.map((to) => `RCPT TO:<${to}>`),
    ...(isBinary ? [] : ['DATA']),
  );
  if (isBinary) wire.send(`BDAT ${body.length} LAST\r\n`);
  await wire.sendAll(body);
  if (!isBinary) wire.send('.\r\n');
  expect((await wire.reply()).status).toBe('250 2.0.0');
  await wire.close();
}

/** Time passes as long as the first that was asked is waited for. */
function pass({ relay, clock }: Awaited<ReturnType<typeof start>>, tried: number): void {
  const { peer, other } = relay;
  const isWaitedFor =
    peer.connections() > 0 && peer.open() >= peer.connections() && (other?.connections() ?? 0) === 0;
  if (isWaitedFor && relay.attempted.filter(isOurs).length === tried) clock.advance(500);
}

const isOurs = ({ from }: { from: string }): boolean => from !== '';

/** One message on its way, until all of its recipients have ended. */
async function send(point: ClientPoint, how: HopBreak, withOther: boolean) {
  const started = await start(point, how, withOther);
  const { relay } = started;
  const { peer } = relay;
  if (point.before !== undefined) {
    await accepted(relay, {});
    await waitFor('the message before to have ended', () => relay.ended.some(isOurs));
    await waitFor('its connection to be kept', () => peer.open() === 1);
  }
  if (point.idle) {
    breakIdle(peer, how);
    await waitFor('the connection to have ended', () => peer.open() === 0);
  }
  const seen = {
    ended: relay.ended.filter(isOurs).length,
    attempted: relay.attempted.filter(isOurs).length,
    contents: peer.contents.length,
  };
  await accepted(relay, point);
  const { length: recipients } = point.recipients ?? ['bob'];
  await waitFor('all recipients to have ended', () => {
    pass(started, seen.attempted);
    return relay.ended.filter(isOurs).length === seen.ended + recipients;
  });
  const attempts = relay.attempted.filter(isOurs).slice(seen.attempted);
  return {
    ...started,
    first: attempts[0]!,
    ended: relay.ended
      .filter(isOurs)
      .slice(seen.ended)
      .map(({ to, outcome, attempts: count }) => `${to} ${outcome} at attempt ${count}`)
      .sort(),
    contents: peer.contents.length - seen.contents,
  };
}

const delivered = (attempt: number, { recipients = ['bob@peer.test'] }: ClientPoint) =>
  recipients.map((to) => `${to} delivered at attempt ${attempt}`);
/** The content arrives before what breaks off. */
const isAfterContent = (at: string): boolean => /^(the final dot|BDAT LAST)/.test(at);
const notAsked = ({ other }: Relay) => expect(other?.connections() ?? 0).toBe(0);

/** What is to be seen in each state. */
const SEEN: Readonly<
  Record<Sent, (what: Awaited<ReturnType<typeof send>>, point: ClientPoint, at: string) => void>
> = {
  'next host': ({ relay, first, ended, contents }, point, at) => {
    const { other } = relay;
    expect(ended).toEqual(delivered(other ? 1 : 2, point));
    if (other === undefined) expect(first.reply.code).toBeGreaterThanOrEqual(400);
    expect(first.attempts).toBe(1);
    // What was answered 421 had arrived, and was not taken.
    expect(contents + (other?.contents.length ?? 0)).toBe(isAfterContent(at) ? 2 : 1);
    expect(other?.contents.length ?? 1).toBe(1);
  },
  'same host': ({ relay, ended, contents }, point) => {
    expect(ended).toEqual(delivered(1, point));
    expect(contents).toBe(1);
    expect(relay.peer.connections()).toBe(2);
    notAsked(relay);
  },
  uncertain: ({ relay, first, ended, contents }, point) => {
    expect(first.reply.text).toMatch(/after the content and before the reply to it$/);
    expect(first.attempts).toBe(1);
    expect(ended).toEqual(delivered(2, point));
    expect(contents).toBe(2);
    notAsked(relay);
  },
  'each its own': ({ relay, ended, contents }, { first }, at) => {
    expect(ended).toEqual([`bob@peer.test ${first} at attempt 1`, 'carol@peer.test delivered at attempt 2']);
    expect(contents).toBe(isAfterContent(at) ? 2 : 1);
    notAsked(relay);
  },
  delivered: ({ relay, ended, contents }, point) => {
    expect(ended).toEqual(delivered(1, point));
    expect(contents).toBe(1);
    notAsked(relay);
  },
};

describe.each(CLIENT)('a next hop that breaks off at $at', ({ at, breaks }) => {
  const point = CLIENT_POINTS[at]!;
  it.each(HOP_BREAKS.filter((how) => breaks[how] !== undefined))('%s', async (how) => {
    for (const withOther of [true, false]) {
      const what = await send(point, how, withOther);
      SEEN[breaks[how]!](what, point, at);
      const { relay, clock } = what;
      await waitFor('the queue to be empty', async () => (await relay.queued()).length === 0);
      expect(relay.defects).toEqual([]);
      if (at !== 'QUIT') continue;
      await waitFor('the connection to have ended', () => {
        clock.advance(500);
        return relay.peer.open() === 0;
      });
    }
  });
});

it('knows the way to each moment, and to no other', () => {
  expect(Object.keys(CLIENT_POINTS)).toEqual(CLIENT.map(({ at }) => at));
});
