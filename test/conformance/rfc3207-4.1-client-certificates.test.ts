/** RFC 3207 §4.1: what a listener makes of the certificates of its clients: who they are, what they may do, and what they may not without. */
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../../mta/config.ts';
import { type Issued, issuer } from '../support/issuer.ts';
import { eventually, serve, stopAll, type TestServer } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const partners = issuer('partners');
const strangers = issuer('partners');
const gateway = partners.issue(['gw.partner.test', 'gw.other.test']);
const nobody = partners.issue([], { subject: 'no name at all' });

const FAR = 'RCPT TO:<x@far.test>';

function serveClients(
  clientAuth: Partial<NonNullable<Listener['tls']['clientAuth']>> = {},
  more: Parameters<typeof serve>[0] = {},
): Promise<TestServer> {
  return serve({
    ...more,
    tls: {
      mode: 'starttls',
      ...more.tls,
      clientAuth: { ca: 'ca', required: false, relayFrom: ['gw.partner.test'], ...clientAuth },
    },
    secrets: { ca: partners.certificate },
  });
}

/** After STARTTLS with this certificate, and EHLO. */
async function secured(
  { port }: TestServer,
  shown?: Issued,
  more: { session?: Buffer; maxVersion?: 'TLSv1.2' } = {},
): Promise<Wire> {
  const wire = await Wire.hello(port);
  await wire.command('STARTTLS');
  await wire.startTls({ ...(shown && { cert: shown.crt, key: shown.key }), ...more });
  return wire;
}

const relaying = async (wire: Wire) => {
  await wire.dialogue('EHLO client.test', 'MAIL FROM:<x@elsewhere.test>');
  const { status, lines } = await wire.command(FAR);
  return [status, lines.join()];
};

describe('RFC 3207 §4.1: certificates of clients that are asked for one', () => {
  it.each([
    ['by the very name', ['gw.partner.test'], gateway, '250 2.1.5'],
    ['by any of its names', ['gw.other.test'], gateway, '250 2.1.5'],
    ['by a pattern', ['*.partner.test'], gateway, '250 2.1.5'],
    ['by *, which needs no name', ['*'], nobody, '250 2.1.5'],
    ['not by another name', ['partner.test', '*.gw.partner.test'], gateway, '550 5.7.1'],
    [
      'not by the common name',
      ['gw.partner.test'],
      partners.issue([], { subject: 'gw.partner.test' }),
      '550 5.7.1',
    ],
    ['not by a wildcard of its own', ['gw.partner.test'], partners.issue(['*.partner.test']), '550 5.7.1'],
    ['not where the listener names nobody', [], gateway, '550 5.7.1'],
  ])('a client relays by its certificate alone: %s', async (_, relayFrom, shown, status) => {
    const server = await serveClients({ relayFrom });
    expect((await relaying(await secured(server, shown)))[0]).toBe(status);
    expect((await relaying(await secured(server, shown, { maxVersion: 'TLSv1.2' })))[0]).toBe(status);
  });

  it.each([
    [
      'of another authority of the same name',
      strangers.issue(['gw.partner.test']),
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    ['that is over', partners.issue(['gw.partner.test'], { expired: true }), 'CERT_HAS_EXPIRED'],
    ['that is for servers alone', partners.issue(['gw.partner.test'], { use: 'server' }), 'INVALID_PURPOSE'],
  ])(
    'one %s is nobody’s: the session goes on without, and is told why it can’t relay',
    async (_, shown, why) => {
      const server = await serveClients({ relayFrom: ['*'] });
      const wire = await secured(server, shown);
      expect(await relaying(wire)).toEqual([
        '550 5.7.1',
        expect.stringContaining(`Relaying denied: client certificate: ${why}`),
      ]);
      expect(await wire.dialogue('RCPT TO:<anna@example.test>')).toEqual(['250 2.1.5']);
    },
  );

  it('none is as good as before: mail for our domains is taken, and nothing is relayed', async () => {
    const server = await serveClients({ relayFrom: ['*'] });
    const wire = await secured(server);
    expect((await relaying(wire))[0]).toBe('550 5.7.1');
    expect(await wire.dialogue('RCPT TO:<anna@example.test>')).toEqual(['250 2.1.5']);
  });

  it('implicit TLS asks for one as STARTTLS does', async () => {
    const server = await serveClients({}, { tls: { mode: 'implicit', required: true } });
    const wire = await Wire.connect(server.port, { tls: { cert: gateway.crt, key: gateway.key } });
    await wire.reply();
    expect((await relaying(wire))[0]).toBe('250 2.1.5');
    const without = await Wire.connect(server.port, { tls: true });
    await without.reply();
    expect((await relaying(without))[0]).toBe('550 5.7.1');
  });

  it('who it is stands with the message, and with what is refused', async () => {
    const server = await serveClients();
    const wire = await secured(server, gateway);
    await wire.command('EHLO client.test');
    await wire.startContent();
    await wire.command('.');
    expect(server.accepted[0]!.client.certificate).toMatchObject({ trusted: true, name: 'gw.partner.test' });
    await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<nobody@example.test>');
    expect(server.refusals.at(-1)).toMatchObject({ command: 'RCPT', certificate: 'gw.partner.test' });
  });

  it('is no password: what needs AUTH still does', async () => {
    const server = await serveClients({ relayFrom: ['*'] }, { auth: { offered: true, required: true } });
    const wire = await secured(server, gateway);
    expect(await wire.dialogue('EHLO client.test', 'MAIL FROM:<>')).toEqual(['250', '530 5.7.0']);
  });

  it('a submission listener without required AUTH takes MAIL from those who may relay by it, and from no other', async () => {
    const server = await serveClients({}, { role: 'submission', auth: { offered: true } });
    expect(await (await secured(server, gateway)).dialogue('EHLO a.test', 'MAIL FROM:<>')).toEqual([
      '250',
      '250 2.1.0',
    ]);
    expect(await (await secured(server, nobody)).dialogue('EHLO a.test', 'MAIL FROM:<>')).toEqual([
      '250',
      '530 5.7.0',
    ]);
  });

  it('is the peer’s, and not that of a client for whom the peer speaks (XCLIENT)', async () => {
    const server = await serveClients({ relayFrom: ['*'] }, { xclient: { from: ['127.0.0.1'] } });
    const wire = await secured(server, gateway);
    await wire.command('EHLO client.test');
    expect((await wire.command('XCLIENT ADDR=198.51.100.1')).status).toBe('220');
    expect((await relaying(wire))[0]).toBe('550 5.7.1');
  });

  it('a resumed session has the certificate that it was made with, or none', async () => {
    const server = await serveClients({ relayFrom: ['*'] });
    const shownBefore: (Issued | undefined)[] = [gateway, undefined, strangers.issue(['gw.partner.test'])];
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const shown of shownBefore) {
        const version = maxVersion === 'TLSv1.2' ? { maxVersion } : {};
        const wire = await secured(server, shown, version);
        const status = (await relaying(wire))[0];
        const session = (wire.socket as TLSSocket).getSession()!;
        // It shows none now: what counts is the session.
        const again = await secured(server, undefined, { session, ...version });
        expect((again.socket as TLSSocket).isSessionReused()).toBe(true);
        expect((await relaying(again))[0]).toBe(status);
        expect(status).toBe(shown === gateway ? '250 2.1.5' : '550 5.7.1');
      }
    }
  });

  it('with a new config other names may relay, on sessions that are open too, and other authorities count from the next on', async () => {
    const server = await serveClients();
    const session = ((await secured(server, gateway)).socket as TLSSocket).getSession()!;
    const { config, secrets } = server;
    await server.listener.reload({
      config,
      hostname: 'mx.example.test',
      secrets: { ...secrets, ca: strangers.certificate },
    });
    expect((await relaying(await secured(server, gateway)))[0]).toBe('550 5.7.1');
    const resumed = await secured(server, undefined, { session });
    expect((resumed.socket as TLSSocket).isSessionReused()).toBe(false);
    expect((await relaying(await secured(server, strangers.issue(['gw.partner.test']))))[0]).toBe(
      '250 2.1.5',
    );
  });
});

describe('RFC 3207 §4.1: a listener that goes on with nobody without a certificate', () => {
  const required = { required: true };
  const tls = { mode: 'starttls', required: true } as const;

  it.each([
    ['none', undefined, 'no client certificate'],
    ['one that is over', partners.issue(['gw.partner.test'], { expired: true }), 'CERT_HAS_EXPIRED'],
    ['a stranger’s', strangers.issue(['gw.partner.test']), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('replies 554 to every command but QUIT after TLS with %s, and logs it', async (_, shown, why) => {
    const server = await serveClients(required, { tls, auth: { offered: true } });
    const wire = await secured(server, shown);
    const ehlo = await wire.command('EHLO client.test');
    expect(ehlo.status).toBe('554 5.7.0');
    expect(ehlo.lines[0]).toContain(why);
    expect(await wire.dialogue('HELO a', 'MAIL FROM:<>', 'AUTH PLAIN', 'NOOP', 'RSET')).toEqual(
      Array(5).fill('554 5.7.0'),
    );
    // What is behind it is content, and no command.
    wire.send('BDAT 6 LAST\r\nNOOP\r\nQUIT\r\n');
    expect(await wire.replies(2)).toEqual(['554 5.7.0', '221 2.0.0']);
    expect(server.refusals[0]).toMatchObject({ command: 'TLS', clientAddress: '127.0.0.1' });
    expect(server.refusals[0]!.error.reply).toContain(why);
  });

  it('does so after the greeting where TLS is implicit', async () => {
    const server = await serveClients(required, { tls: { mode: 'implicit', required: true } });
    const wire = await Wire.connect(server.port, { tls: true });
    expect((await wire.reply()).status).toBe('220');
    expect(await wire.dialogue('EHLO client.test', 'QUIT')).toEqual(['554 5.7.0', '221 2.0.0']);
    expect(server.refusals[0]).toMatchObject({ command: 'TLS' });
    const known = await Wire.connect(server.port, { tls: { cert: gateway.crt, key: gateway.key } });
    await known.reply();
    expect((await relaying(known))[0]).toBe('250 2.1.5');
  });

  it('takes nothing before TLS, and everything after it with a good one, whatever names it has', async () => {
    const server = await serveClients(required, { tls });
    expect(await (await Wire.hello(server.port)).dialogue('MAIL FROM:<>', 'EHLO a')).toEqual([
      '530 5.7.0',
      '250',
    ]);
    const wire = await secured(server, nobody);
    await wire.command('EHLO client.test');
    await wire.startContent();
    expect((await wire.command('.')).status).toBe('250 2.0.0');
    expect(server.refusals.filter(({ command }) => command === 'TLS')).toEqual([]);
  });

  it('lets a peer with a certificate speak for clients that have none', async () => {
    const server = await serveClients(required, { tls, xclient: { from: ['127.0.0.1'] } });
    const wire = await secured(server, gateway);
    await wire.dialogue('EHLO a', 'XCLIENT ADDR=198.51.100.1', 'EHLO b');
    expect(await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<anna@example.test>')).toEqual([
      '250 2.1.0',
      '250 2.1.5',
    ]);
  });

  it('can be told to at a reload, and holds open sessions to it', async () => {
    const server = await serveClients({}, { tls });
    const [without, known] = [await secured(server), await secured(server, gateway)];
    const { config, secrets } = server;
    const clientAuth = { ...config.tls.clientAuth!, required: true };
    await server.listener.reload({
      config: { ...config, tls: { ...config.tls, clientAuth } },
      hostname: 'mx.example.test',
      secrets,
    });
    expect(await without.dialogue('EHLO a', 'QUIT')).toEqual(['554 5.7.0', '221 2.0.0']);
    expect(await known.dialogue('EHLO a', 'MAIL FROM:<>')).toEqual(['250', '250 2.1.0']);
    await eventually(() => server.listener.sessions === 1);
  });
});
