import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import type { TlsPolicy } from '../config.ts';
import type { SmtpError } from '../errors.ts';
import type { TlsaRecord } from '../route/dns-answer.ts';
import { testPolicy } from '../route/testing/config.ts';
import type { Dane } from '../route/types.ts';
import { certificates } from './dane/testing/certificates.ts';
import { tlsaOf } from './dane/testing/records.ts';
import { tcpDial } from './dial.ts';
import { pinOf } from './peer-identity.ts';
import { createSessions } from './sessions.ts';
import { peerCertificate } from './testing/certificate.ts';
import { CUT, type Script, SILENCE, startPeer } from './testing/peer.ts';
import { deliveryConfig, hopTo, send } from './testing/send.ts';
import { SHORT, usePeers } from './testing/use-peers.ts';

const { peerOf, pool, after } = usePeers();

/** The pool for a script: impatient where that is silent somewhere. */
const poolFor = (script: Script) => {
  const steps = [script.greeting, script.tls, ...Object.values(script.answers ?? {})];
  return pool(steps.includes(SILENCE) ? SHORT : 10);
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
    ['what is no reply, to EHLO', { answers: { EHLO: 'hello?' } }, { code: 451, enhanced: '4.5.0' }],
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

  it('empty lines without an end are an error at once, not memory until the deadline', async () => {
    let written = 0;
    const peer = createServer((socket) => {
      const lines = Buffer.alloc(64 * 1024, '\n');
      const flood = (): void => {
        while (!socket.destroyed && written < 64 * 1024 * 1024) {
          written += lines.length;
          if (!socket.write(lines)) return;
        }
      };
      socket.on('drain', flood);
      socket.on('error', () => socket.destroy());
      flood();
    });
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = peer.address() as AddressInfo;
      await expect(pool(10).acquire(hopTo(port))).rejects.toMatchObject({ code: 451, enhanced: '4.5.0' });
      expect(written).toBeLessThan(64 * 1024 * 1024);
    } finally {
      peer.close();
    }
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
    ['cut before it begins', { answers: { EHLO: startTls, STARTTLS: CUT } }],
    ['never begun', { answers: { EHLO: startTls, STARTTLS: SILENCE } }],
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
      message: expect.stringContaining(
        'certificate-host-mismatch: the certificate is for DNS:peer.test, IP Address:127.0.0.1, not for other.test',
      ),
    });
    await expect(
      sessions.acquire(hopTo(peer.port, { tls: testPolicy({ mode: 'verified' }) })),
    ).rejects.toMatchObject({
      enhanced: '4.7.5',
      message:
        'TLS is required and could not be had: peer.test: certificate-not-trusted: no authority that is trusted has signed the certificate (DEPTH_ZERO_SELF_SIGNED_CERT) (TLS policy policy)',
    });
    expect(await send(sessions, hopTo(peer.port, { tls: required, host: 'other.test' }))).toMatchObject([
      { code: 250 },
    ]);
  });

  it('that is pinned wants one of the keys, whatever name and issuer, and tells the key that was shown', async () => {
    const key = pinOf(new X509Certificate(peerCertificate));
    const other = `${'A'.repeat(43)}=`;
    const pinned = (...pins: string[]) => testPolicy({ mode: 'pinned', pins });
    for (const implicitTls of [false, true]) {
      const peer = await peerOf({ answers: { EHLO: startTls }, implicitTls });
      const hop = (tls: TlsPolicy) => hopTo(peer.port, { host: 'other.test', implicitTls, tls });
      expect(await send(pool(), hop(pinned(other, key)))).toMatchObject([{ code: 250 }]);
      await expect(pool().acquire(hop(pinned(other)))).rejects.toMatchObject({
        enhanced: '4.7.5',
        message: expect.stringContaining(`the key ${key} is not among the pins`),
      });
      expect(peer.contents).toHaveLength(1);
    }
    const plain = await peerOf({ answers: { STARTTLS: '502 5.5.1 No' } });
    await expect(pool().acquire(hopTo(plain.port, { tls: pinned(key) }))).rejects.toMatchObject({
      enhanced: '4.7.5',
      message: expect.stringContaining('starttls-not-supported'),
    });
  });

  it.each<[string, Script, string]>([
    ['is not offered', { answers: { STARTTLS: '502 5.5.1 No' } }, 'starttls-not-supported: 502'],
    ['is refused', { answers: { EHLO: startTls, STARTTLS: '454 4.7.0 No' } }, 'validation-failure: 454'],
    ['fails', { answers: { EHLO: startTls }, tls: 'garbage' }, 'validation-failure: wrong version number ('],
    [
      ...(['wants an older version', { answers: { EHLO: startTls }, maxVersion: 'TLSv1.2' }] as const),
      'validation-failure: tlsv1 alert protocol version (',
    ],
    ['fails at once', { implicitTls: true, maxVersion: 'TLSv1.2' }, 'validation-failure: '],
  ])('that %s is told so', async (_what, script, says) => {
    const peer = await peerOf(script);
    const tls = testPolicy({ mode: 'required', minVersion: 'TLSv1.3' });
    await expect(
      pool().acquire(hopTo(peer.port, { tls, implicitTls: script.implicitTls === true })),
    ).rejects.toMatchObject({ enhanced: '4.7.5', message: expect.stringContaining(`peer.test: ${says}`) });
  });

  it('by TLSA records wants a certificate that matches one, and names none else', async () => {
    const shown = new X509Certificate(peerCertificate);
    const [good, other] = [tlsaOf('3 1 1', shown), tlsaOf('3 1 1', certificates.leaf)];
    const tlsa = (...records: TlsaRecord[]): Dane => ({
      isNamedSecurely: true,
      tlsa: { status: 'found', baseDomain: 'base.test', records, references: ['base.test'] },
    });
    const hop = (port: number, dane: Dane, mode: TlsPolicy['mode'] = 'dane') =>
      hopTo(port, { host: 'other.test', dane, tls: testPolicy({ mode }) });
    const unusable = { ...good, usage: 1 };
    for (const mode of ['dane', 'opportunistic'] as const) {
      const peer = await peerOf({ answers: { EHLO: startTls } });
      expect(await send(pool(), hop(peer.port, tlsa(other, good), mode))).toMatchObject([{ code: 250 }]);
      expect(peer.serverNames).toEqual(['base.test']);
      await expect(pool().acquire(hop(peer.port, tlsa(other), mode))).rejects.toMatchObject({
        code: 451,
        enhanced: '4.7.5',
        message: expect.stringMatching(/tlsa-invalid: none of 1 TLSA records matches.*\(TLS policy policy\)/),
      });
      const plain = await peerOf({ answers: { STARTTLS: '502 5.5.1 No' } });
      for (const dane of [tlsa(good), tlsa(unusable)]) {
        await expect(pool().acquire(hop(plain.port, dane, mode))).rejects.toMatchObject({
          enhanced: '4.7.5',
        });
      }
      expect([peer.contents.length, plain.contents.length]).toEqual([1, 0]);
    }
    const peer = await peerOf({ answers: { EHLO: startTls } });
    expect(await send(pool(), hop(peer.port, tlsa(unusable), 'opportunistic'))).toMatchObject([
      { code: 250 },
    ]);
    expect(peer.lines).toContain('STARTTLS');
  });

  it('of a host that can not be believed is no connection at all', async () => {
    const peer = await peerOf({ answers: { EHLO: startTls } });
    const hop = (mode: TlsPolicy['mode'], tlsa: Dane['tlsa']) =>
      hopTo(peer.port, { dane: { isNamedSecurely: true, tlsa }, tls: testPolicy({ mode }) });
    const failed = { status: 'failed', why: 'TLSA of x: SERVFAIL' } as const;
    for (const mode of ['dane', 'opportunistic'] as const) {
      await expect(pool().acquire(hop(mode, failed))).rejects.toMatchObject({
        enhanced: '4.7.5',
        message: expect.stringContaining('dnssec-invalid: TLSA of x: SERVFAIL (TLS policy policy)'),
      });
    }
    await expect(pool().acquire(hop('dane', { status: 'none', why: 'not signed' }))).rejects.toMatchObject({
      message: expect.stringContaining('dane-required: not signed'),
    });
    expect(peer.connections()).toBe(0);
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
        pool(AUTH === SILENCE ? SHORT : 10).acquire(hopTo(peer.port, { auth })),
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
    after(() => sessions.drain());
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
