/** What the other side sees: never more connections than there may be, counted until it has closed them. */
import { describe, expect, it } from 'vitest';
import { hopTo, send } from './testing/send.ts';
import { usePeers } from './testing/use-peers.ts';

const { peerOf, pool } = usePeers();
const LINGER_MS = 60;

describe('connections to a destination', () => {
  it('count until the other side has closed them', async () => {
    const closed: string[] = [];
    const peer = await peerOf({ lingerMs: LINGER_MS });
    const sessions = pool(10, { messagesPerConnection: 1 }, { onClosed: (key) => closed.push(key) });
    const session = await sessions.acquire(hopTo(peer.port), 'mx:a.test');
    expect(sessions.openTo('mx:a.test')).toBe(1);
    session.transaction().abort();
    sessions.release(session);
    await expect.poll(() => peer.lines.at(-1)).toBe('QUIT');
    expect(sessions.openTo('mx:a.test')).toBe(1);
    expect(closed).toEqual([]);
    await expect.poll(() => peer.open()).toBe(0);
    await expect.poll(() => sessions.openTo('mx:a.test')).toBe(0);
    expect(closed).toEqual(['mx:a.test']);
  });

  it('are never more than there may be, while each takes one message and is slow to close', async () => {
    const peer = await peerOf({ lingerMs: LINGER_MS });
    const sessions = pool(10, { messagesPerConnection: 1 }, { most: () => 2 });
    const several = async () => {
      for (let n = 0; n < 4; n += 1) await send(sessions, hopTo(peer.port));
    };
    await Promise.all([several(), several()]);
    expect(peer.connections()).toBe(8);
    expect(peer.mostOpen()).toBe(2);
  });

  it('that are idle make way for one to another host of the destination', async () => {
    const [one, other] = [await peerOf({ lingerMs: LINGER_MS }), await peerOf()];
    const sessions = pool(10, {}, { most: () => 1 });
    await send(sessions, hopTo(one.port));
    expect(one.open()).toBe(1);
    const session = await sessions.acquire(hopTo(other.port));
    expect([one.open(), other.open()]).toEqual([0, 1]);
    sessions.release(session);
  });

  it('that are all at work keep nobody waiting: there may be fewer than there were', async () => {
    const peer = await peerOf();
    const sessions = pool(10, {}, { most: () => 1 });
    const held = [await sessions.acquire(hopTo(peer.port)), await sessions.acquire(hopTo(peer.port))];
    expect(peer.connections()).toBe(2);
    for (const session of held) sessions.release(session);
  });

  it('move to another destination with the same host only where there is room', async () => {
    const peer = await peerOf();
    const most = new Map([['relay:b', 1]]);
    const sessions = pool(10, {}, { most: (key) => most.get(key) ?? 9 });
    const hop = hopTo(peer.port);
    sessions.release(await sessions.acquire(hop, 'relay:a'));
    const [first] = [await sessions.acquire(hop, 'relay:b')];
    expect([sessions.openTo('relay:a'), sessions.openTo('relay:b')]).toEqual([0, 1]);
    expect(peer.connections()).toBe(1);
    sessions.release(await sessions.acquire(hop, 'relay:a'));
    expect(peer.connections()).toBe(2);
    sessions.release(first!);
    expect([sessions.openTo('relay:a'), sessions.openTo('relay:b')]).toEqual([1, 1]);
  });

  it('that could not be opened are none', async () => {
    const peer = await peerOf({ greeting: '554 no' });
    const sessions = pool();
    await expect(sessions.acquire(hopTo(peer.port), 'mx:a.test')).rejects.toMatchObject({ code: 554 });
    expect(sessions.openTo('mx:a.test')).toBe(0);
  });
});
