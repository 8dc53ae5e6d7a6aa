/** The table of what breaks off, its side of a server: a message is in the queue once, or nothing is left of it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hashPassword } from '../../../mta/policy/phc.ts';
import { waitFor } from '../../support/wait.ts';
import { type Relay, startRelay, stopRelays } from '../relay.ts';
import { certificate, PASSWORD, StillClock } from '../server.ts';
import type { Wire } from '../wire.ts';
import { SERVER_POINTS, type ServerPoint } from './server-points.ts';
import { CLIENT_BREAKS, type ClientBreak, type Received, SERVER } from './table.ts';

afterEach(stopRelays);

const secrets = {
  ...certificate('mx.ours.test'),
  demo: await hashPassword(PASSWORD, Buffer.alloc(16, 1)),
};
const config = {
  secrets,
  users: [{ resource: 'u', username: 'demo', verifier: 'demo', senders: ['*'], limits: {} }],
};
const PATIENCE_MS = 5 * 60_000;
const GRACE_MS = 1000;

/** A relay on whose disk each draft is a file, and the client at the point. */
async function reach(point: ServerPoint) {
  const clock = new StillClock();
  const gate = Promise.withResolvers<void>();
  let begun = point.holds === undefined;
  const pass = async (which: ServerPoint['holds']): Promise<void> => {
    if (which !== point.holds) return;
    begun = true;
    await gate.promise;
  };
  const relay = await startRelay({
    ...config,
    ...{ clock, world: { inlineBodyBytes: 1 } },
    ...(point.listener && { listener: point.listener }),
    acceptor: (flow) => ({
      pickUp: flow.pickUp,
      connect: (client) => flow.connect(client),
      mail: (client, mail) => flow.mail(client, mail),
      recipient: (...args) => flow.recipient(...args),
      authenticate: async (...args) => {
        await pass('authenticate');
        return flow.authenticate(...args);
      },
      content(...args) {
        const sink = flow.content(...args);
        return {
          ...sink,
          commit: async (without) => {
            await pass('commit');
            return sink.commit(without);
          },
        };
      },
    }),
  });
  const wire = await point.reach(relay.port);
  await waitFor('the answer to be begun', () => begun);
  if (point.drafts) await waitFor('a draft on the disk', () => drafts(relay).length === 1);
  return { relay, wire, clock, release: () => gate.resolve() };
}

async function breakOff(how: ClientBreak, point: ServerPoint, at: Awaited<ReturnType<typeof reach>>) {
  const { relay, wire, clock, release } = at;
  switch (how) {
    case 'cut':
      wire.reset();
      break;
    case 'end':
      wire.finish();
      break;
    case 'silence':
      // Where it is our turn, time alone changes nothing; elsewhere it may begin to run only now.
      if (point.holds !== undefined) clock.advance(PATIENCE_MS);
      else await waitFor('the connection to end', () => passUntil(clock, wire));
      break;
    case 'garbage':
      wire.send(point.garbage);
      break;
    case 'stop':
      void relay.listener.stop(GRACE_MS / 1000);
      if (point.holds === undefined) clock.advance(GRACE_MS);
      break;
  }
  if (how === 'cut') await waitFor('the session to have ended', () => relay.listener.sessions === 0);
  release();
}

function passUntil(clock: StillClock, wire: Wire): boolean {
  clock.advance(PATIENCE_MS);
  return wire.isClosed;
}

/** The replies, or none at all. */
async function heard(wire: Wire, how: ClientBreak, { says }: Received): Promise<void> {
  if (says !== undefined) {
    const statuses = says.split(', ');
    expect(await wire.replies(statuses.length)).toEqual(statuses);
  } else if (how !== 'cut') expect(await wire.closed()).not.toMatch(/^\d{3}/);
}

/** Names of all files that hold a content. */
const drafts = ({ folder }: Relay): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath.endsWith('/body'))
    .map((entry) => join(entry.parentPath, entry.name));

describe.each(SERVER)('a client’s session that breaks off $at', ({ at, breaks }) => {
  it.each(CLIENT_BREAKS)('%s', async (how) => {
    const point = SERVER_POINTS[at]!;
    const expected = breaks[how];
    const there = await reach(point);
    const { relay, wire } = there;
    await breakOff(how, point, there);
    await heard(wire, how, expected);
    await wire.close();
    await waitFor('the session to have ended', () => relay.listener.sessions === 0);
    if (expected.queued === 0) await waitFor('no draft to be left', () => drafts(relay).length === 0);
    // Nothing follows behind the next message.
    await relay.accept({ from: '', to: ['next@peer.test'] });
    const { to = ['RCPT TO:<bob@peer.test>'] } = point;
    await waitFor('all to be delivered', () => relay.ended.length === expected.queued * to.length + 1);
    const recipients = relay.peer.lines.filter((line) => line.startsWith('RCPT'));
    expect(recipients.sort()).toEqual([...(expected.queued === 1 ? to : []), 'RCPT TO:<next@peer.test>']);
    expect(relay.peer.contents).toHaveLength(expected.queued + 1);
    expect(await relay.queued()).toEqual([]);
    expect(relay.defects).toEqual([]);
  });
});

it('knows the way to each moment, and to no other', () => {
  expect(Object.keys(SERVER_POINTS)).toEqual(SERVER.map(({ at }) => at));
});
