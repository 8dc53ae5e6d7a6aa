import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import type { SmtpError } from '../errors.ts';
import { testPolicy } from '../route/testing/config.ts';
import { tcpDial } from './dial.ts';
import { createSessions } from './sessions.ts';
import { peerCertificate } from './testing/certificate.ts';
import { CUT, type Peer, type Script, SILENCE, startPeer } from './testing/peer.ts';
import { deliveryConfig, hopTo, send } from './testing/send.ts';
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
function pool(change: Parameters<typeof deliveryConfig>[0] = {}, seconds = 10): Sessions {
  const config = { ...deliveryConfig(change, seconds), secrets: { ca: peerCertificate } };
  const sessions = createSessions({ config: () => config });
  cleanup.push(() => sessions.drain());
  return sessions;
}

const SHORT = 0.2;
/** The pool for a script: impatient where that is silent somewhere. */
const poolFor = (script: Script) => {
  const steps = [script.greeting, script.tls, ...Object.values(script.answers ?? {})];
  return pool({}, steps.includes(SILENCE) ? SHORT : 10);
};

const startTls = '250-peer.test\r\n250-PIPELINING\r\n250 STARTTLS';
const opportunistic = testPolicy();
const strict = testPolicy({ fallbackToClear: false });
const required = testPolicy({ mode: 'required' });
const verified = testPolicy({ mode: 'verified', ca: 'ca' });

describe('before the session begins', () => {
  it.each<[string, Script, Partial<SmtpError>]>([
    [
      'a greeting that refuses',
      { greeting: '554 5.7.1 Go away' },
      { code: 554, enhanced: '5.7.1', message: 'Go away', remote: 'peer.test' },
    ],
    ['a greeting that defers', { greeting: '421 4.3.2 Busy' }, { code: 421, enhanced: '4.3.2' }],
    ['a greeting that is none', { greeting: 'hello' }, { code: 451, enhanced: '4.5.0' }],
    ['no greeting', { greeting: SILENCE }, { code: 451, enhanced: '4.4.2' }],
    ['a connection that ends at once', { greeting: CUT }, { code: 451, enhanced: '4.4.2' }],
    ['a connection that ends at EHLO', { answers: { EHLO: CUT } }, { code: 451, enhanced: '4.4.2' }],
    ['no reply to EHLO', { answers: { EHLO: SILENCE } }, { code: 451, enhanced: '4.4.2' }],
    [
      '421 to EHLO',
      { answers: { EHLO: '421 4.7.0 Slow down' } },
      { code: 421, enhanced: '4.7.0', message: 'Slow down' },
    ],
    [
      'neither EHLO nor HELO',
      { answers: { EHLO: '500 5.5.1 What?', HELO: '550 5.7.1 Not you' } },
      { code: 550, enhanced: '5.7.1' },
    ],
  ])('%s is an error, and the connection is closed', async (_what, script, expected) => {
    const peer = await peerOf(script);
    await expect(poolFor(script).acquire(hopTo(peer.port))).rejects.toMatchObject({
      ...expected,
      blame: 'nextHop',
      closes: true,
      uncertain: false,
    });
    await expect.poll(() => peer.open()).toBe(0);
  });

  it('a closed port is no answer', async () => {
    const peer = await startPeer();
    await peer.close();
    await expect(pool().acquire(hopTo(peer.port))).rejects.toMatchObject({
      code: 451,
      enhanced: '4.4.1',
      message: expect.stringContaining(`peer.test[127.0.0.1]:${peer.port}: ECONNREFUSED`),
    });
  });
});

describe('TLS', () => {
  it('is used where it is offered, and named', async () => {
    const peer = await peerOf({ answers: { EHLO: startTls } });
    const sessions = pool();
    const session = await sessions.acquire(hopTo(peer.port, { tls: opportunistic }));
    expect(session.tls).toMatch(/^TLSv1\.3 TLS_AES/);
    sessions.release(session);
    await send(sessions, hopTo(peer.port, { tls: opportunistic }));
    expect(peer.lines.slice(0, 4)).toEqual([
      'EHLO mx.ours.test',
      'STARTTLS',
      'EHLO mx.ours.test',
      'MAIL FROM:<anna@ours.test>',
    ]);
    expect(peer.contents).toHaveLength(1);
  });

  it('is not asked for by the policy none, nor where it is not offered', async () => {
    const peer = await peerOf({ answers: { EHLO: startTls } });
    await send(pool(), hopTo(peer.port, { tls: testPolicy({ mode: 'none' }) }));
    const plain = await peerOf();
    await send(pool(), hopTo(plain.port, { tls: strict }));
    expect([...peer.lines, ...plain.lines]).not.toContain('STARTTLS');
  });

  it('of implicit connections comes before the greeting', async () => {
    const peer = await peerOf({ implicitTls: true });
    const sessions = pool();
    const hop = hopTo(peer.port, { implicitTls: true, tls: verified });
    expect(await send(sessions, hop)).toMatchObject([{ code: 250 }]);
    const session = await sessions.acquire(hop);
    expect(session.tls).toMatch(/^TLS/);
    sessions.release(session);
  });

  const failures: [string, Script][] = [
    ['refused', { answers: { EHLO: startTls, STARTTLS: '454 4.7.0 Not now' } }],
    ['cut', { answers: { EHLO: startTls }, tls: CUT }],
    ['answered by garbage', { answers: { EHLO: startTls }, tls: 'garbage' }],
    ['not answered', { answers: { EHLO: startTls }, tls: SILENCE }],
    ['of an old version', { answers: { EHLO: startTls }, maxVersion: 'TLSv1.2' }],
  ];

  it.each(failures)(
    'that is %s leads to clear text on a new connection where the policy allows it',
    async (_what, script) => {
      const peer = await peerOf(script);
      const tls = testPolicy({ minVersion: 'TLSv1.3' });
      expect(await send(poolFor(script), hopTo(peer.port, { tls }))).toMatchObject([{ code: 250 }]);
      expect(peer.connections()).toBe(2);
    },
  );

  it.each(failures)('that is %s is an error where it does not', async (_what, script) => {
    const peer = await peerOf(script);
    for (const policy of [strict, required, verified]) {
      const tls = { ...policy, minVersion: 'TLSv1.3' as const };
      await expect(poolFor(script).acquire(hopTo(peer.port, { tls }))).rejects.toMatchObject({
        code: 451,
        enhanced: '4.7.5',
      });
    }
    expect(peer.contents).toEqual([]);
    expect(peer.lines.filter((line) => line.startsWith('MAIL'))).toEqual([]);
  });

  it('that is required and not offered is an error', async () => {
    const peer = await peerOf({ answers: { STARTTLS: '502 5.5.1 No' } });
    for (const tls of [required, verified]) {
      await expect(pool().acquire(hopTo(peer.port, { tls }))).rejects.toMatchObject({
        code: 451,
        enhanced: '4.7.5',
        blame: 'nextHop',
      });
    }
  });

  it('that is verified wants a known issuer and the right name', async () => {
    const peer = await peerOf({ answers: { EHLO: startTls } });
    const sessions = pool();
    expect(await send(sessions, hopTo(peer.port, { tls: verified }))).toMatchObject([{ code: 250 }]);
    expect(await send(sessions, hopTo(peer.port, { tls: verified, host: '127.0.0.1' }))).toMatchObject([
      { code: 250 },
    ]);
    await expect(
      sessions.acquire(hopTo(peer.port, { tls: verified, host: 'other.test' })),
    ).rejects.toMatchObject({
      enhanced: '4.7.5',
      message: expect.stringContaining('other.test'),
    });
    await expect(
      sessions.acquire(hopTo(peer.port, { tls: testPolicy({ mode: 'verified' }) })),
    ).rejects.toMatchObject({
      enhanced: '4.7.5',
      message: expect.stringContaining('self-signed'),
    });
    expect(await send(sessions, hopTo(peer.port, { tls: required, host: 'other.test' }))).toMatchObject([
      { code: 250 },
    ]);
  });

  it('takes nothing over from before the handshake', async () => {
    const injected = '220 Go ahead\r\n250-peer.test\r\n250 AUTH PLAIN';
    const peer = await peerOf({ answers: { EHLO: startTls, STARTTLS: injected } });
    const auth = { username: 'app', password: 'secret' };
    await expect(pool().acquire(hopTo(peer.port, { tls: required, auth }))).rejects.toMatchObject({
      message: expect.stringContaining('offers neither AUTH PLAIN nor LOGIN'),
    });
  });
});

describe('AUTH', () => {
  const auth = { username: 'app', password: 'pass wörd' };
  const offering = (mechanisms: string) => ({
    EHLO: `250-peer.test\r\n250-PIPELINING\r\n250 AUTH ${mechanisms}`,
  });

  it('PLAIN comes first, LOGIN second', async () => {
    const peer = await peerOf({ answers: offering('CRAM-MD5 LOGIN PLAIN') });
    await send(pool(), hopTo(peer.port, { auth }));
    expect(peer.lines[1]).toBe(`AUTH PLAIN ${Buffer.from('\0app\0pass wörd').toString('base64')}`);
    const login = await peerOf({
      answers: {
        ...offering('LOGIN'),
        AUTH: '334 VXNlcm5hbWU6',
        [Buffer.from('app').toString('base64').toUpperCase()]: '334 UGFzc3dvcmQ6',
        [Buffer.from('pass wörd').toString('base64').toUpperCase()]: '235 2.7.0 Welcome',
      },
    });
    expect(await send(pool(), hopTo(login.port, { auth }))).toMatchObject([{ code: 250 }]);
    expect(login.lines.slice(1, 4)).toEqual([
      'AUTH LOGIN',
      Buffer.from('app').toString('base64'),
      Buffer.from('pass wörd').toString('base64'),
    ]);
  });

  it('that is refused, or not offered, defers and blames config', async () => {
    const wrong = await peerOf({ answers: { ...offering('PLAIN'), AUTH: '535 5.7.8 Wrong' } });
    await expect(pool().acquire(hopTo(wrong.port, { auth }))).rejects.toMatchObject({
      code: 454,
      enhanced: '4.7.8',
      blame: 'config',
      message: expect.stringContaining('535 5.7.8 Wrong'),
    });
    for (const answers of [{}, offering('CRAM-MD5 XOAUTH2')]) {
      const peer = await peerOf({ answers });
      await expect(pool().acquire(hopTo(peer.port, { auth }))).rejects.toMatchObject({
        code: 454,
        blame: 'config',
      });
    }
  });

  it('that is cut or not answered is the next hop’s failure', async () => {
    for (const AUTH of [CUT, SILENCE] as const) {
      const peer = await peerOf({ answers: { ...offering('PLAIN'), AUTH } });
      await expect(
        pool({}, AUTH === SILENCE ? SHORT : 10).acquire(hopTo(peer.port, { auth })),
      ).rejects.toMatchObject({
        code: 451,
        enhanced: '4.4.2',
        blame: 'nextHop',
      });
    }
  });

  it('never sends a password in clear text but to loopback', async () => {
    const peer = await peerOf({ answers: { ...offering('PLAIN'), STARTTLS: '502 5.5.1 No' } });
    const config = deliveryConfig();
    const dial = tcpDial(systemClock);
    // The peer is on loopback, but the hop says otherwise.
    const sessions = createSessions({
      config: () => config,
      dial: (hop, seconds) => dial({ ...hop, address: '127.0.0.1' }, seconds),
    });
    cleanup.push(() => sessions.drain());
    const far = { auth, address: '203.0.113.1' };
    await expect(sessions.acquire(hopTo(peer.port, far))).rejects.toMatchObject({
      code: 454,
      blame: 'config',
    });
    await expect(sessions.acquire(hopTo(peer.port, { ...far, tls: opportunistic }))).rejects.toMatchObject({
      enhanced: '4.7.5',
    });
    expect(peer.lines.filter((line) => line.startsWith('AUTH'))).toEqual([]);
  });
});

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
      { auth: { username: 'a', password: 'b' } },
      { auth: { username: 'a', password: 'c' } },
    ];
    for (const change of changes) {
      await send(sessions, hopTo(peer.port, change));
    }
    expect(peer.connections()).toBe(changes.length);
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
    const sessions = pool({ messagesPerConnection: 2 });
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
    await send(pool({ idleConnectionSeconds: 0.05 }), hopTo(peer.port));
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
    transaction.begin({
      from: '',
      recipients: [{ address: 'a@b.test' }],
      arrivedAt: 0,
      origin: { listener: 'x', protocol: 'SMTP' },
    });
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
