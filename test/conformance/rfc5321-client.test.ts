/** RFC 5321 as a client: what is sent to a next hop, how its replies are understood, and what becomes of a message whose way breaks off. */
import { afterEach, describe, expect, it } from 'vitest';
import { CUT, type Says, type Script } from '../../mta/deliver/testing/peer.ts';
import { compile } from '../../operator/compile/compile.ts';
import { inputFrom } from '../../operator/compile/testing/manifests.ts';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

async function accepted(
  relay: Relay,
  mail = 'MAIL FROM:<anna@sender.test>',
  rcpt = 'RCPT TO:<bob@peer.test>',
): Promise<void> {
  const wire = await Wire.hello(relay.port);
  expect((await wire.dialogue(mail, rcpt, 'DATA')).at(-1)).toBe('354');
  wire.send('Subject: x\r\n\r\nx\r\n.\r\n');
  expect((await wire.reply()).status).toBe('250 2.0.0');
}
const ended = (relay: Relay) => waitFor('it to have ended', () => relay.ended[0]);
const attempted = (relay: Relay) => waitFor('an attempt', () => relay.attempted[0]);
/** The first time one answer, and then another. */
const once = (first: Says, then: Says) => {
  let isFirst = true;
  return () => {
    const says = isFirst ? first : then;
    isFirst = false;
    return says;
  };
};

describe('RFC 5321 §2.4: addresses', () => {
  it.each([
    ['the case of a local part', 'Anna.B@peer.test'],
    ['the case of a domain', 'anna@Peer.TEST'],
    ['a quoted local part', '"a \\" b"@peer.test'],
    ['what other systems take for a route', 'a%b.test!c@peer.test'],
    ['an A-label', 'anna@XN--Mnchen-3YA.test'],
  ])('%s goes on byte for byte', async (_, address) => {
    const relay = await startRelay();
    await accepted(relay, `MAIL FROM:<${address.replace('peer', 'sender')}>`, `RCPT TO:<${address}>`);
    await ended(relay);
    expect(relay.peer.lines).toContain(`RCPT TO:<${address}>`);
    expect(
      relay.peer.lines.some((line) => line.startsWith(`MAIL FROM:<${address.replace('peer', 'sender')}>`)),
    ).toBe(true);
  });

  it('§4.1.1.3: a source route is taken, and not followed', async () => {
    const relay = await startRelay();
    await accepted(relay, 'MAIL FROM:<@a.test:anna@sender.test>', 'RCPT TO:<@a.test,@b.test:bob@peer.test>');
    await ended(relay);
    expect(relay.peer.lines).toContain('RCPT TO:<bob@peer.test>');
  });
});

describe('RFC 5321 §4.5.1: postmaster', () => {
  it.each(['postmaster', 'PostMaster'])(
    'without a domain (%s) is the fleet’s, whoever sends to it',
    async (name) => {
      const relay = await startRelay({ listener: { relayFrom: [] } });
      await accepted(relay, 'MAIL FROM:<anna@sender.test>', `RCPT TO:<${name}>`);
      await ended(relay);
      expect(relay.peer.lines).toContain('RCPT TO:<postmaster@ours.test>');
    },
  );
});

describe('RFC 5321 §3.2: initiation', () => {
  it('HELO follows where EHLO means nothing, and then there are no parameters', async () => {
    const relay = await startRelay({ peer: { answers: { EHLO: '502 5.5.1 what?' } } });
    await accepted(relay);
    await ended(relay);
    expect(relay.peer.lines).toEqual([
      ...['EHLO mx.ours.test', 'HELO mx.ours.test', 'MAIL FROM:<anna@sender.test>'],
      ...['RCPT TO:<bob@peer.test>', 'DATA'],
    ]);
  });
});

describe('RFC 5321 §4.2: replies', () => {
  it.each([
    [
      'of several lines are one',
      '250-First line\r\n250-234 Text beginning with numbers\r\n250 The last line',
    ],
    ['without a text are replies', '250'],
    ['with a third digit that nobody knows go by the first', '259 fine'],
  ])('§4.2.1: replies %s', async (_, RCPT) => {
    const relay = await startRelay({ peer: { answers: { RCPT } } });
    await accepted(relay);
    expect(await ended(relay)).toMatchObject({ outcome: 'delivered' });
  });

  it.each([
    ['4yz', '459 whatever'],
    ['4yz with a status of its own', '450 4.2.1 mailbox busy'],
  ])('§4.2.1: after %s it is tried again', async (_, first) => {
    const relay = await startRelay({ peer: { answers: { RCPT: once(first, '250 ok') } } });
    await accepted(relay);
    expect(await ended(relay)).toMatchObject({ outcome: 'delivered', attempts: 2 });
  });

  it.each(['MAIL', 'RCPT', 'DATA', 'content'])(
    '§4.2.1: after 5yz to %s it is not, and the sender hears of it',
    async (at) => {
      const relay = await startRelay({ peer: { answers: { [at]: '559 5.7.1 never' } } });
      await accepted(relay);
      expect(await ended(relay)).toMatchObject({
        outcome: 'bounced',
        reply: { code: 559, enhanced: '5.7.1' },
      });
      await waitFor('the bounce', () => relay.inbox.contents.length > 0);
      expect(relay.peer.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
    },
  );

  it.each(['MAIL', 'RCPT', 'DATA', 'content'])(
    '§3.8: 421 to %s ends the connection, and another is made',
    async (at) => {
      const relay = await startRelay({
        peer: { answers: { [at]: once('421 4.3.2 shutting down', DEFAULT[at]!) } },
      });
      await accepted(relay);
      expect(await ended(relay)).toMatchObject({ outcome: 'delivered' });
      expect(relay.peer.connections()).toBe(2);
    },
  );

  it.each(['MAIL', 'RCPT', 'DATA', 'content'])(
    'what is no reply, to %s, ends the connection, and it is tried again',
    async (at) => {
      const relay = await startRelay({ peer: { answers: { [at]: once('hello?', DEFAULT[at]!) } } });
      await accepted(relay);
      expect((await attempted(relay)).reply).toMatchObject({ code: 451, enhanced: '4.5.0' });
      expect(await ended(relay)).toMatchObject({ outcome: 'delivered', attempts: 2 });
    },
  );
});

describe('RFC 5321 §4.5.3.2, §4.5.4.1: a connection that breaks off', () => {
  it.each(['EHLO', 'MAIL', 'RCPT', 'DATA', 'content'])(
    'at %s leaves the message to be tried again, once',
    async (at) => {
      const relay = await startRelay({ peer: { answers: { [at]: once(CUT, DEFAULT[at]!) } } });
      await accepted(relay);
      expect(await ended(relay)).toMatchObject({ outcome: 'delivered' });
      // Without an answer to the content the next hop may have it already (RFC 5321 §6.1): a copy, and no loss.
      expect(relay.peer.contents).toHaveLength(at === 'content' ? 2 : 1);
      expect(await relay.queued()).toEqual([]);
    },
  );

  it('§4.5.3.2: as shipped, each wait is at least as long as is asked for', () => {
    const { timeouts } = shipped();
    expect(timeouts.greeting).toBeGreaterThanOrEqual(300);
    expect(timeouts.command).toBeGreaterThanOrEqual(300);
    expect(timeouts.dataBlock).toBeGreaterThanOrEqual(180);
    expect(timeouts.finalReply).toBeGreaterThanOrEqual(600);
  });
});

describe('RFC 5321 §4.5.5: the null reverse-path', () => {
  it('§6.1: is that of what tells a sender, and nobody is told of that in turn', async () => {
    const refusing: Script = { answers: { RCPT: '550 5.1.1 no such user' } };
    const relay = await startRelay({ peer: refusing, inbox: refusing });
    await accepted(relay);
    await waitFor('both to have ended', () => relay.ended.length === 2);
    expect(relay.ended.map(({ from, outcome }) => `${from} ${outcome}`)).toEqual([
      'anna@sender.test bounced',
      ' bounced',
    ]);
    expect(relay.inbox.lines.some((line) => line.startsWith('MAIL FROM:<>'))).toBe(true);
    expect(await relay.queued()).toEqual([]);
  });
});

const DEFAULT: Readonly<Record<string, string>> = {
  EHLO: '250-peer.test\r\n250 PIPELINING',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 go on',
  content: '250 ok',
};

/** Of an MTA that says nothing of it. */
const shipped = () =>
  compile(
    inputFrom(`
apiVersion: postrider.dev/v1alpha1
kind: MTA
metadata: {namespace: mail, name: mta}
spec:
  hostname: mx.ours.test
  listeners: [{name: smtp, role: SMTP, port: 2525, tls: {mode: None}}]
`),
  ).config!.delivery;
