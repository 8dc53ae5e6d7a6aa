/** RFC 3207 STARTTLS, RFC 8314 §3.3 implicit TLS, and certificates that change under way. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../../mta/config.ts';
import { certificate, eventually, serve, stopAll } from './server.ts';
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

describe('Reload', () => {
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
