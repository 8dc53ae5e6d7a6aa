import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { testPolicy } from '../route/testing/config.ts';
import type { NextHop } from '../route/types.ts';
import { tlsaOf } from './dane/testing/records.ts';
import { peerCertificate } from './testing/certificate.ts';
import { type Peer, SILENCE } from './testing/peer.ts';
import { hopTo, send } from './testing/send.ts';
import { usePeers } from './testing/use-peers.ts';

const { peerOf, pool } = usePeers();

const opportunistic = testPolicy();
const strict = testPolicy({ fallbackToClear: false });

describe('the pool', () => {
  it('uses a session again, and says how often it was used', async () => {
    const peer = await peerOf();
    const sessions = pool();
    const hop = hopTo(peer.port);
    for (const used of [0, 1, 2]) {
      const session = await sessions.acquire(hop);
      expect(session.used).toBe(used);
      sessions.release(session);
      await send(sessions, hop);
    }
    expect(peer.connections()).toBe(1);
    expect(peer.lines).not.toContain('RSET');
  });

  it('does not use it for a hop that differs in anything', async () => {
    const peer = await peerOf({ answers: { EHLO: '250-peer.test\r\n250 AUTH PLAIN' } });
    const sessions = pool();
    const changes = [
      {},
      { host: 'other.test' },
      { address: '::ffff:127.0.0.1' },
      { tls: opportunistic },
      { tls: strict },
      ...[true, false].map((lists) => ({ sts: { domain: 'd.test', mode: 'testing' as const, lists } })),
      { sts: { domain: 'e.test', mode: 'testing' as const, lists: true } },
      { auth: { username: 'a', password: 'b' } },
      { auth: { username: 'a', password: 'c' } },
    ];
    for (const change of changes) {
      await send(sessions, hopTo(peer.port, change));
    }
    expect(peer.connections()).toBe(changes.length);
  });

  it('of a host that TLSA records name is used for whoever has the same records, not for others', async () => {
    const peer = await peerOf({ answers: { EHLO: '250-peer.test\r\n250 STARTTLS' } });
    const sessions = pool();
    const shown = new X509Certificate(peerCertificate);
    const hop = (fields: readonly string[], references: readonly string[], baseDomain = 'peer.test') => {
      const records = fields.map((each) => tlsaOf(each, shown));
      const tlsa = { status: 'found', baseDomain, records, references } as const;
      return hopTo(peer.port, { tls: opportunistic, dane: { isNamedSecurely: true, tlsa } });
    };
    const openedBy = async (next: NextHop) => {
      const before = peer.connections();
      await send(sessions, next);
      return peer.connections() - before;
    };
    expect(await openedBy(hop(['3 1 1'], ['peer.test', 'a.test']))).toBe(1);
    // Names are of no account to an end entity.
    expect(await openedBy(hop(['3 1 1'], ['peer.test', 'b.test']))).toBe(0);
    expect(await openedBy(hop(['3 1 1', '3 0 1'], ['peer.test', 'a.test']))).toBe(1);
    expect(await openedBy(hop(['3 1 1'], ['other.test'], 'other.test'))).toBe(1);
    expect(await openedBy(hopTo(peer.port, { tls: opportunistic }))).toBe(1);
    expect(await openedBy(hop(['3 1 1', '2 0 1'], ['peer.test', 'a.test']))).toBe(1);
    expect(await openedBy(hop(['3 1 1', '2 0 1'], ['peer.test', 'b.test']))).toBe(1);
  });

  it('opens as many as are in use at a time', async () => {
    const peer = await peerOf();
    const sessions = pool();
    const held = await Promise.all([1, 2, 3].map(() => sessions.acquire(hopTo(peer.port))));
    expect(peer.connections()).toBe(3);
    for (const session of held) {
      sessions.release(session);
    }
    await send(sessions, hopTo(peer.port));
    expect(peer.connections()).toBe(3);
  });

  it('ends a session after its number of messages, with QUIT', async () => {
    const peer = await peerOf();
    const sessions = pool(10, { messagesPerConnection: 2 });
    for (let message = 0; message < 4; message++) {
      await send(sessions, hopTo(peer.port));
    }
    await send(sessions, hopTo(peer.port, { messagesPerConnection: 1 }));
    await expect.poll(() => peer.lines.filter((line) => line === 'QUIT').length).toBe(3);
    expect(peer.connections()).toBe(3);
    await expect.poll(() => peer.open()).toBe(0);
  });

  it('ends what is idle for too long', async () => {
    const peer = await peerOf();
    await send(pool(10, { idleConnectionSeconds: 0.05 }), hopTo(peer.port));
    await expect.poll(() => peer.lines.at(-1)).toBe('QUIT');
    await expect.poll(() => peer.open()).toBe(0);
  });

  it.each<[string, (peer: Peer) => void]>([
    ['closes', (peer) => peer.cutAll()],
    ['says 421', (peer) => peer.say('421 4.4.2 Idle for too long')],
    ['says anything', (peer) => peer.say('250 Ok')],
  ])('forgets an idle connection whose peer %s', async (_what, end) => {
    const peer = await peerOf();
    const sessions = pool();
    await send(sessions, hopTo(peer.port));
    end(peer);
    await expect.poll(() => peer.open()).toBe(0);
    // Our side of the socket hears of it in its own time.
    await expect
      .poll(async () => {
        const session = await sessions.acquire(hopTo(peer.port));
        const { used } = session;
        session.close();
        sessions.release(session);
        return used;
      })
      .toBe(0);
    expect(await send(sessions, hopTo(peer.port))).toMatchObject([{ code: 250 }]);
  });

  it('closes a session that was given back in the midst of a transaction', async () => {
    const peer = await peerOf();
    const sessions = pool();
    const session = await sessions.acquire(hopTo(peer.port));
    session.transaction();
    expect(session.reusable).toBe(false);
    sessions.release(session);
    await expect.poll(() => peer.open()).toBe(0);
  });

  it('aborting a transaction cuts it; one that has not begun leaves the session as it was', async () => {
    const peer = await peerOf({ answers: { MAIL: SILENCE } });
    const sessions = pool();
    const session = await sessions.acquire(hopTo(peer.port));
    session.transaction().abort();
    expect(session.reusable).toBe(true);
    const transaction = session.transaction();
    transaction.begin(
      {
        from: '',
        recipients: [{ address: 'a@b.test' }],
        arrivedAt: 0,
        origin: { listener: 'x', protocol: 'SMTP' },
      },
      { id: 'lane-7', number: 1 },
    );
    transaction.recipient({ address: 'a@b.test' }, 0);
    transaction.body({ size: 0, bytes: Buffer.alloc(0), stream: () => expect.unreachable() }, () => true);
    const committed = transaction.commit();
    await expect.poll(() => peer.lines).toContain('DATA');
    transaction.abort();
    await expect(committed).rejects.toMatchObject({ code: 451, closes: true });
    sessions.release(session);
    await expect.poll(() => peer.open()).toBe(0);
  });

  it('drains: closes what is idle, refuses, and waits for what is in use', async () => {
    const peer = await peerOf();
    const sessions = pool();
    const held = await sessions.acquire(hopTo(peer.port));
    await send(sessions, hopTo(peer.port));
    let drained = false;
    const draining = sessions.drain().then(() => {
      drained = true;
    });
    await expect.poll(() => peer.open()).toBe(1);
    await expect(sessions.acquire(hopTo(peer.port))).rejects.toMatchObject({ code: 421 });
    expect(drained).toBe(false);
    sessions.release(held);
    await draining;
    await expect.poll(() => peer.open()).toBe(0);
    expect(peer.lines.filter((line) => line === 'QUIT')).toHaveLength(2);
  });
});
