/** RFC 8689: mail that nobody on its way may read, and mail that goes on without TLS if it must. */
import { X509Certificate } from 'node:crypto';
import PostalMime from 'postal-mime';
import { afterEach, describe, expect, it } from 'vitest';
import { pinOf } from '../../mta/deliver/peer-identity.ts';
import { issuedCertificate, peerCertificate, peerKey } from '../../mta/deliver/testing/certificate.ts';
import type { Script } from '../../mta/deliver/testing/peer.ts';
import { testPolicy } from '../../mta/route/testing/config.ts';
import type { NextHop } from '../../mta/route/types.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, type RelayOptions, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const NAMED: NextHop['dane'] = { isNamedSecurely: true, tlsa: { status: 'none', why: 'there are none' } };
const policy = (change: Partial<NextHop['tls']> = {}) => testPolicy({ ca: 'ca', ...change });
/** `STARTTLS`, and after that what is named. */
const offering =
  (...within: string[]): NonNullable<Script['answers']>[string] =>
  () =>
    ['250-peer.test', ...within.map((name) => `250-${name}`), '250 STARTTLS'].join('\r\n');
const TLS: Script = { answers: { EHLO: offering('REQUIRETLS') } };

const start = (peer: Script, hop: Partial<NextHop> = {}, more: RelayOptions = {}) =>
  startRelay({
    listener: {
      tls: { mode: 'implicit', required: true, minVersion: 'TLSv1.2', certificate: 'crt', key: 'key' },
    },
    secrets: { ca: peerCertificate, crt: peerCertificate, key: peerKey },
    peer,
    hop: { tls: policy(), dane: NAMED, ...hop },
    ...more,
  });

async function send({ port }: Relay, parameters = '', header = 'Subject: hello', from = 'anna@sender.test') {
  const wire = await Wire.hello(port, { tls: true });
  const { status } = await wire.command(`MAIL FROM:<${from}> ${parameters}`);
  await wire.dialogue('RCPT TO:<bob@peer.test>', 'DATA');
  expect((await wire.command(`${header}\r\n\r\nsecret\r\n.`)).status).toBe('250 2.0.0');
  return status;
}

const mails = ({ peer }: Relay) => peer.lines.filter((line) => line.startsWith('MAIL'));

const ended = (relay: Relay) =>
  waitFor('its end', () => {
    const end = relay.ended.find(({ to }) => to === 'bob@peer.test');
    return end && `${end.outcome} ${end.reply.code} ${end.reply.enhanced}`;
  });

describe('RFC 8689 §2, §4.1: receiving', () => {
  it('§2: REQUIRETLS is announced within TLS, and taken there alone', async () => {
    const relay = await start(TLS);
    const wire = await Wire.connect(relay.port, { tls: true });
    await wire.reply();
    expect((await wire.command('EHLO client.test')).lines).toContain('REQUIRETLS');
    expect((await wire.command('MAIL FROM:<anna@sender.test> REQUIRETLS=yes')).status).toBe('501 5.5.4');
    expect((await wire.command('MAIL FROM:<anna@sender.test> REQUIRETLS')).status).toBe('250 2.1.0');
    const inClear = await startRelay();
    const open = await Wire.connect(inClear.port);
    await open.reply();
    expect((await open.command('EHLO client.test')).lines).not.toContain('REQUIRETLS');
    expect((await open.command('MAIL FROM:<anna@sender.test> REQUIRETLS')).status).toBe('555 5.5.4');
  });
});

describe('RFC 8689 §4.2.1: sending with TLS required', () => {
  it.each([
    ['DNSSEC names', {}],
    ['is pinned', { tls: policy({ mode: 'pinned', pins: [pinOf(new X509Certificate(peerCertificate))] }) }],
  ] satisfies [string, Partial<NextHop>][])(
    'it goes on, and so does REQUIRETLS, to a host that %s',
    async (_, hop) => {
      const relay = await start(TLS, hop);
      expect(await send(relay, 'REQUIRETLS')).toBe('250 2.1.0');
      expect(await ended(relay)).toBe('delivered 250 2.0.0');
      expect(mails(relay)).toEqual(['MAIL FROM:<anna@sender.test> REQUIRETLS']);
    },
  );

  it.each<[string, Script, Partial<NextHop>, string]>([
    ['offers no STARTTLS', { answers: { STARTTLS: '502 5.5.1 No' } }, {}, 'bounced 550 5.7.10'],
    ['breaks the handshake off', { ...TLS, tls: 'garbage' }, {}, 'bounced 550 5.7.10'],
    ['shows what nobody has signed', TLS, { tls: policy({ ca: 'crt2' }) }, 'bounced 550 5.7.10'],
    ['is another', TLS, { host: 'other.test' }, 'bounced 550 5.7.10'],
    ['nobody vouches for', TLS, { dane: { ...NAMED!, isNamedSecurely: false } }, 'bounced 550 5.7.10'],
    ['does not go on so', { answers: { EHLO: offering() } }, {}, 'bounced 550 5.7.30'],
  ])('nothing is said of it to who %s, and it goes back at once', async (_, peer, hop, end) => {
    const relay = await start(peer, hop, {
      secrets: { ca: peerCertificate, crt2: issuedCertificate, crt: peerCertificate, key: peerKey },
    });
    await send(relay, 'REQUIRETLS');
    expect(await ended(relay)).toBe(end);
    expect(mails(relay)).toEqual([]);
    expect(relay.peer.contents).toEqual([]);
  });

  it('other hosts are tried, and one that is down may come up yet', async () => {
    const relay = await start({ answers: { EHLO: offering() } }, {}, { other: TLS });
    await send(relay, 'REQUIRETLS');
    expect(await ended(relay)).toBe('delivered 250 2.0.0');
    expect(mails(relay)).toEqual([]);
    const down = await start(
      { answers: { EHLO: offering() } },
      {},
      { other: { greeting: '421 4.3.2 down' } },
    );
    await send(down, 'REQUIRETLS');
    await waitFor('an attempt', () => down.attempted.length > 0);
    expect(down.attempted[0]!.reply.code).toBe(421);
  });

  it('a message that does not ask for it has no session of one that did', async () => {
    const relay = await start(TLS);
    await send(relay);
    await send(relay, 'REQUIRETLS');
    await waitFor('both', () => relay.ended.length === 2);
    expect(relay.peer.connections()).toBe(2);
    expect(mails(relay).sort()).toEqual([
      'MAIL FROM:<anna@sender.test>',
      'MAIL FROM:<anna@sender.test> REQUIRETLS',
    ]);
  });

  it('where a policy asks for it of all mail, it waits until it can be had', async () => {
    const tls = policy({ requireTls: true, name: 'always' });
    const relay = await start({ answers: { EHLO: offering() } }, { tls });
    await send(relay);
    const { reply } = await waitFor('an attempt', () => relay.attempted[0]);
    expect(`${reply.code} ${reply.enhanced}`).toBe('451 4.7.5');
    expect(reply.text).toContain('TLS policy always');
    expect(relay.peer.contents).toEqual([]);
    const good = await start(TLS, { tls });
    await send(good);
    expect(await ended(good)).toBe('delivered 250 2.0.0');
  });
});

describe('RFC 8689 §3, §4.2.2: TLS-Required: No', () => {
  const dane: NextHop['dane'] = { isNamedSecurely: true, tlsa: { status: 'failed', why: 'SERVFAIL' } };

  it.each(['TLS-Required: No', 'tls-required:\r\n no', 'Subject: x\r\nTLS-REQUIRED : NO'])(
    'with %j what a domain publishes for its hosts is no obstacle',
    async (header) => {
      const relay = await start(TLS, { dane });
      await send(relay, '', header);
      expect(await ended(relay)).toBe('delivered 250 2.0.0');
      const without = await start(TLS, { dane });
      await send(without, '', 'Subject: TLS-Required: No');
      await waitFor('an attempt', () => without.attempted.length > 0);
      expect(without.attempted[0]!.reply.enhanced).toBe('4.7.5');
    },
  );

  it('what the fleet itself asks for stays', async () => {
    for (const mode of ['required', 'verified', 'dane'] as const) {
      const relay = await start({ answers: { STARTTLS: '502 5.5.1 No' } }, { tls: policy({ mode }) });
      await send(relay, '', 'TLS-Required: No');
      await waitFor('an attempt', () => relay.attempted.length > 0);
      expect(relay.attempted[0]!.reply.enhanced).toBe('4.7.5');
      expect(relay.peer.contents).toEqual([]);
    }
  });

  it('§4.1: with REQUIRETLS it counts for nothing', async () => {
    const relay = await start({ answers: { EHLO: offering() } });
    await send(relay, 'REQUIRETLS', 'TLS-Required: No');
    expect(await ended(relay)).toBe('bounced 550 5.7.30');
  });
});

describe('RFC 8689 §5: reports', () => {
  const REFUSED: Script = { answers: { EHLO: offering('REQUIRETLS'), RCPT: '550 5.1.1 nobody' } };
  const parts = async ({ inbox }: Relay) => {
    await waitFor('a report', () => inbox.contents.length > 0);
    return (await PostalMime.parse(inbox.contents[0]!)).attachments.map(({ mimeType }) => mimeType);
  };

  it('what nobody may read is not returned, whatever RET says; its report is worth more than a way that nobody reads along on', async () => {
    const relay = await start(REFUSED);
    await send(relay, 'REQUIRETLS RET=FULL');
    expect(await parts(relay)).toEqual(['message/delivery-status', 'text/rfc822-headers']);
    expect(relay.inbox.lines.filter((line) => line.startsWith('MAIL'))).toEqual([
      expect.stringMatching(/^MAIL FROM:<>( SIZE=\d+)?$/),
    ]);
  });

  it('of what goes on without TLS, so does its report', async () => {
    const relay = await start(REFUSED);
    await send(relay, '', 'TLS-Required: No');
    await parts(relay);
    expect(relay.inbox.contents[0]!.toString()).toMatch(/^TLS-Required: No\r$/m);
  });
});
