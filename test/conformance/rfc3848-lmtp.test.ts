/** RFC 3848: what a message that came by LMTP says of that; with STARTTLS (RFC 3207), AUTH (RFC 4954) and SMTPUTF8 (RFC 6531). */
import { afterEach, describe, expect, it } from 'vitest';
import { hashPassword } from '../../mta/policy/phc.ts';
import { BOB, DAVE, hello, MAIL, queued, start } from './lmtp-in.ts';
import { type Relay, stopRelays } from './relay.ts';
import { certificate, PASSWORD } from './server.ts';
import type { Wire } from './wire.ts';

afterEach(stopRelays);

describe('RFC 3848: with LMTP', async () => {
  const demo = await hashPassword(PASSWORD, Buffer.alloc(16, 1));
  const auth = `AUTH PLAIN ${Buffer.from(`\0demo\0${PASSWORD}`).toString('base64')}`;
  const tls = { required: false, minVersion: 'TLSv1.2', certificate: 'crt', key: 'key' } as const;
  const secured = (mode: 'none' | 'starttls' | 'implicit') =>
    start({
      listener: {
        tls: mode === 'none' ? { mode, required: false, minVersion: 'TLSv1.2' } : { mode, ...tls },
        auth: { offered: true, required: false, allowWithoutTls: true },
      },
      users: [{ resource: 'u', username: 'demo', verifier: 'demo', senders: ['*@sender.test'], limits: {} }],
      secrets: { ...certificate('mx.ours.test'), demo },
    });

  async function received(relay: Relay, wire: Wire, mail = MAIL): Promise<string | undefined> {
    await wire.dialogue(mail, BOB, DAVE, 'DATA');
    wire.send('Subject: x\r\n\r\nx\r\n.\r\n');
    expect(await wire.replies(2)).toEqual(['250 2.0.0', '250 2.0.0']);
    const [message] = await queued(relay);
    return /^\tby mx\.ours\.test with (\S+) id /m.exec(message!.content)?.[1];
  }
  const startTls = async (wire: Wire): Promise<void> => {
    expect((await wire.command('STARTTLS')).status).toBe('220 2.0.0');
    await wire.startTls();
  };

  it('is LMTP', async () => {
    const relay = await secured('none');
    expect(await received(relay, await hello(relay))).toBe('LMTP');
  });

  it('RFC 3207 §4.2: is LMTPS after STARTTLS, and LHLO has to be said again', async () => {
    const relay = await secured('starttls');
    const wire = await hello(relay);
    await startTls(wire);
    expect(await wire.dialogue(MAIL, 'EHLO client.test')).toEqual(['503 5.5.1', '500 5.5.2']);
    expect((await wire.command('LHLO client.test')).lines).not.toContain('STARTTLS');
    expect(await received(relay, wire)).toBe('LMTPS');
  });

  it('is LMTPS where TLS is implicit', async () => {
    const relay = await secured('implicit');
    expect(await received(relay, await hello(relay, { tls: true }))).toBe('LMTPS');
  });

  it('is LMTPA after AUTH', async () => {
    const relay = await secured('none');
    const wire = await hello(relay);
    expect((await wire.command(auth)).status).toBe('235 2.7.0');
    expect(await received(relay, wire)).toBe('LMTPA');
  });

  it('RFC 6531 §4.3: is LMTPSA after both, and UTF8LMTPSA with SMTPUTF8', async () => {
    for (const [mail, protocol] of [
      [MAIL, 'LMTPSA'],
      [`${MAIL} SMTPUTF8`, 'UTF8LMTPSA'],
    ] as const) {
      const relay = await secured('starttls');
      const wire = await hello(relay);
      await startTls(wire);
      await wire.command('LHLO client.test');
      expect((await wire.command(auth)).status).toBe('235 2.7.0');
      expect(await received(relay, wire, mail)).toBe(protocol);
    }
  });

  it('RFC 3207 §4: where TLS is required, LHLO alone goes before it', async () => {
    const relay = await start({
      listener: { tls: { mode: 'starttls', ...tls, required: true } },
      secrets: certificate('mx.ours.test'),
    });
    const wire = await hello(relay);
    expect(await wire.dialogue(MAIL, 'LHLO client.test')).toEqual(['530 5.7.0', '250']);
  });
});
