/** RFC 3207 STARTTLS, RFC 8314 §3.3 implicit TLS, and certificates that change under way. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../../mta/config.ts';
import { certificate, eventually, serve, stopAll, type TestServer } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const starttls = { tls: { mode: 'starttls' } } satisfies { tls: Partial<Listener['tls']> };

describe('RFC 3207: STARTTLS', () => {
  it('is announced before TLS, and not after it', async () => {
    const { port } = await serve(starttls);
    const wire = await Wire.connect(port);
    await wire.reply();
    expect((await wire.command('EHLO client.test')).lines).toContain('STARTTLS');
    expect((await wire.command('STARTTLS')).status).toBe('220 2.0.0');
    await wire.startTls();
    expect((await wire.command('EHLO client.test')).lines).not.toContain('STARTTLS');
    expect((await wire.command('STARTTLS')).status).toBe('503 5.5.1');
  });

  it('takes messages that say ESMTPS, version and cipher', async () => {
    const server = await serve(starttls);
    const wire = await Wire.hello(server.port);
    await wire.command('STARTTLS');
    await wire.startTls();
    await wire.command('EHLO client.test');
    await wire.startContent();
    expect((await wire.command('x\r\n.')).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.client).toMatchObject({
      protocol: 'ESMTPS',
      tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
    });
  });

  it('takes no argument', async () => {
    const { port } = await serve(starttls);
    expect((await (await Wire.hello(port)).command('STARTTLS now')).status).toBe('501 5.5.4');
  });

  it('§4.2: what was said before TLS is forgotten: greeting and transaction', async () => {
    const { port } = await serve(starttls);
    const wire = await Wire.hello(port);
    await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<anna@example.test>', 'STARTTLS');
    await wire.startTls();
    expect(await wire.dialogue('DATA', 'MAIL FROM:<>', 'EHLO client.test', 'DATA')).toEqual([
      '503 5.5.1',
      '503 5.5.1',
      '250',
      '503 5.5.1',
    ]);
  });

  it('commands injected behind STARTTLS in clear text are never run', async () => {
    const server = await serve(starttls);
    const wire = await Wire.hello(server.port);
    wire.send('STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@example.test>\r\nRCPT TO:<anna@exam');
    expect((await wire.reply()).status).toBe('220 2.0.0');
    await wire.startTls();
    expect(await wire.dialogue('RCPT TO:<anna@example.test>', 'NOOP')).toEqual(['503 5.5.1', '250 2.0.0']);
  });

  it('§4: where TLS is required, all but a few commands get 530 5.7.0 before it', async () => {
    const { port } = await serve({ tls: { mode: 'starttls', required: true }, auth: { offered: true } });
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue(
        'MAIL FROM:<>',
        'RCPT TO:<a@b.test>',
        'DATA',
        'AUTH PLAIN',
        'VRFY x',
        'NOOP',
        'RSET',
      ),
    ).toEqual(['530 5.7.0', '530 5.7.0', '530 5.7.0', '530 5.7.0', '530 5.7.0', '250 2.0.0', '250 2.0.0']);
    await wire.command('STARTTLS');
    await wire.startTls();
    expect(await wire.dialogue('EHLO client.test', 'MAIL FROM:<>')).toEqual(['250', '250 2.1.0']);
  });

  it('a handshake that fails or never comes ends the connection', async () => {
    const server = await serve(starttls);
    const garbage = await Wire.hello(server.port);
    await garbage.command('STARTTLS');
    garbage.send('this is no ClientHello\r\n');
    await garbage.closed();
    const silent = await Wire.hello(server.port);
    await silent.command('STARTTLS');
    server.clock.advance(300_000);
    await silent.closed();
    await eventually(() => server.listener.sessions === 0);
  });

  it('refuses versions below the listener’s least', async () => {
    const { port } = await serve({ tls: { mode: 'starttls', minVersion: 'TLSv1.3' } });
    const wire = await Wire.hello(port);
    await wire.command('STARTTLS');
    await expect(wire.startTls({ maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });

  it.each([
    ['ECDHE-ECDSA-AES128-GCM-SHA256', true],
    ['ECDHE-ECDSA-AES256-GCM-SHA384', true],
    ['ECDHE-ECDSA-CHACHA20-POLY1305', true],
    ['ECDHE-ECDSA-AES128-SHA256', false],
    ['ECDHE-ECDSA-AES256-SHA', false],
    ['ECDHE-ECDSA-AES128-CCM', false],
  ])(
    'TLS 1.2 has the ciphers of Mozilla’s profile Intermediate, and no other: %s',
    async (cipher, isTaken) => {
      const { port } = await serve(starttls);
      const wire = await Wire.hello(port);
      await wire.command('STARTTLS');
      const secured = wire.startTls({ maxVersion: 'TLSv1.2', ciphers: `${cipher}@SECLEVEL=0` });
      if (isTaken) expect((await secured).getCipher().name).toBe(cipher);
      else await expect(secured).rejects.toThrow();
    },
  );

  it('why a handshake fails is logged, with the client’s address', async () => {
    const old = { maxVersion: 'TLSv1.2' } as const;
    const server = await serve({ tls: { mode: 'starttls', minVersion: 'TLSv1.3' } });
    const wire = await Wire.hello(server.port);
    await wire.command('STARTTLS');
    await wire.startTls(old).catch(() => {});
    await eventually(() => server.refusals.length === 1);
    const implicit = await serve({ tls: { mode: 'implicit', required: true, minVersion: 'TLSv1.3' } });
    await Wire.connect(implicit.port, { tls: old }).catch(() => {});
    await eventually(() => implicit.refusals.length === 1);
    for (const { refusals } of [server, implicit]) {
      expect(refusals[0]).toMatchObject({ command: 'TLS', clientAddress: '127.0.0.1' });
      expect(refusals[0]!.error.reply).toBe('421 4.7.0 TLS handshake failed: unsupported protocol');
    }
  });
});

describe('RFC 8314 §3.3: implicit TLS', () => {
  it('greets inside TLS, and has no STARTTLS', async () => {
    const server = await serve({ tls: { mode: 'implicit', required: true } });
    const wire = await Wire.connect(server.port, { tls: true });
    expect((await wire.reply()).status).toBe('220');
    expect((await wire.command('EHLO client.test')).lines).not.toContain('STARTTLS');
    expect((await wire.command('STARTTLS')).status).toBe('502 5.5.1');
    await wire.startContent();
    await wire.command('.');
    expect(server.accepted[0]!.client).toMatchObject({ protocol: 'ESMTPS' });
  });
});

describe('Handshakes of implicit TLS that never end', () => {
  const implicit = { tls: { mode: 'implicit', required: true } } satisfies { tls: Partial<Listener['tls']> };

  it('count for their address, and leave room for others', async () => {
    const server = await serve({ ...implicit, limits: { connectionsPerAddress: 2 } });
    const held = [await Wire.connect(server.port), await Wire.connect(server.port)];
    await (await Wire.connect(server.port)).closed();
    const other = await Wire.connect(server.port, { tls: true, localAddress: '127.0.0.2' });
    expect((await other.reply()).status).toBe('220');
    for (const wire of held) await wire.close();
  });

  it('are over at once where the client closes its side, as a probe of a port does', async () => {
    const server = await serve(implicit);
    for (const begun of ['', '\x16\x03\x01']) {
      const wire = await Wire.connect(server.port);
      wire.send(begun);
      wire.finish();
      await wire.closed();
    }
  });

  it('are cut after a minute, however they trickle in', async () => {
    const server = await serve(implicit);
    const wire = await Wire.connect(server.port);
    wire.send(Buffer.from([0x16, 0x03, 0x01]));
    const done = await Wire.connect(server.port, { tls: true });
    expect((await done.reply()).status).toBe('220');
    server.clock.advance(60_000);
    await wire.closed();
    expect((await done.command('NOOP')).status).toBe('250 2.0.0');
  });
});

describe('Resumption of TLS sessions', () => {
  const secret = Buffer.alloc(32, 1);
  const session = async ({ port }: TestServer, before?: Buffer) => {
    const wire = await Wire.hello(port);
    await wire.command('STARTTLS');
    const socket = await wire.startTls(before && { session: before });
    await wire.command('EHLO client.test');
    return { resumed: socket.isSessionReused(), session: socket.getSession()! };
  };

  it('works from one process of a listener to another, as they have one secret', async () => {
    const [one, other] = [
      await serve({ ...starttls, ticketSecret: secret }),
      await serve({ ...starttls, ticketSecret: secret }),
    ];
    const made = await session(one);
    expect(made.resumed).toBe(false);
    expect(await session(other, made.session)).toMatchObject({ resumed: true });
  });

  it('does not with another secret, another certificate, or another listener', async () => {
    const made = await session(await serve({ ...starttls, ticketSecret: secret }));
    const others = [
      await serve({ ...starttls, ticketSecret: Buffer.alloc(32, 2) }),
      await serve({ ...starttls, ticketSecret: secret, secrets: certificate('other.example.test') }),
      await serve({ ...starttls, ticketSecret: secret, name: 'another' }),
    ];
    for (const other of others) {
      expect(await session(other, made.session)).toMatchObject({ resumed: false });
    }
  });
});

describe('Reload', () => {
  it('shows the new certificate in the next handshake, by name too, and goes on with sessions in TLS', async () => {
    const more = [{ certificate: 'crt2', key: 'key2' }];
    const named = (name: string) => {
      const { crt, key } = certificate(name);
      return { crt2: crt, key2: key };
    };
    const server = await serve({
      tls: { mode: 'starttls', moreCertificates: more },
      secrets: named('*.old.test'),
    });
    const shake = async (servername?: string) => {
      const wire = await Wire.hello(server.port);
      await wire.command('STARTTLS');
      return { wire, socket: await wire.startTls(servername === undefined ? {} : { servername }) };
    };
    const nameOf = async (servername?: string) =>
      (await shake(servername)).socket.getPeerCertificate().subject.CN;
    expect(await nameOf('mx.old.test')).toBe('*.old.test');
    const { wire: open } = await shake();
    await open.command('EHLO client.test');
    await open.startContent();
    open.send('half of a message\r\n');
    const { config, listener } = server;
    await listener.reload({
      config,
      hostname: 'mx.example.test',
      secrets: { ...certificate('new.example.test'), ...named('mx.named.test') },
    });
    expect(await nameOf()).toBe('new.example.test');
    expect(await nameOf('mx.named.test')).toBe('mx.named.test');
    expect(await nameOf('mx.old.test')).toBe('new.example.test');
    expect((await open.command('and the other\r\n.')).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.content).toBe('half of a message\r\nand the other\r\n');
  });

  it('takes on certificate, limits and hostname without ending a session', async () => {
    const server = await serve({ tls: { mode: 'starttls' } });
    const open = await Wire.hello(server.port);
    await open.command('MAIL FROM:<>');
    const { config, listener } = server;
    await listener.reload({
      config: { ...config, hostname: 'new.example.test', limits: { ...config.limits, messageSize: 5 } },
      hostname: 'mx.example.test',
      secrets: { ...server.secrets, ...certificate('new.example.test') },
    });
    const wire = await Wire.connect(server.port);
    expect((await wire.reply()).lines[0]).toMatch(/^new\.example\.test /);
    expect((await wire.command('EHLO client.test')).lines).toContain('SIZE 5');
    await wire.command('STARTTLS');
    const socket = await wire.startTls();
    expect(socket.getPeerCertificate().subject.CN).toBe('new.example.test');
    expect(await open.dialogue('RCPT TO:<anna@example.test>', 'RSET', 'MAIL FROM:<> SIZE=6')).toEqual([
      '250 2.1.5',
      '250 2.0.0',
      '552 5.3.4',
    ]);
  });

  it('refuses a broken certificate and keeps the old one', async () => {
    const server = await serve({ tls: { mode: 'starttls' } });
    const { config, listener } = server;
    const other = certificate('other.example.test');
    const broken: Record<string, string>[] = [
      {},
      { crt: 'x', key: 'y' },
      { ...server.secrets, key: other.key },
    ];
    for (const secrets of broken) {
      await expect(listener.reload({ config, hostname: 'mx.example.test', secrets })).rejects.toMatchObject({
        code: 'CertificateInvalid',
      });
    }
    const wire = await Wire.hello(server.port);
    await wire.command('STARTTLS');
    expect((await wire.startTls()).getPeerCertificate().subject.CN).toBe('mx.example.test');
  });

  it('refuses to move', async () => {
    const { config, listener, secrets } = await serve();
    const moved = { ...config, port: 1 };
    await expect(listener.reload({ config: moved, hostname: 'x', secrets })).rejects.toMatchObject({
      code: 'ConfigInvalid',
    });
  });
});
