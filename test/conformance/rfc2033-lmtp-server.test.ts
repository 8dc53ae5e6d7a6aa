/** RFC 2033 as a server: mail that comes by LMTP, with a reply for each recipient. */
import { afterEach, describe, expect, it } from 'vitest';
import { listenerSchema } from '../../mta/config.ts';
import { smtpError } from '../../mta/errors.ts';
import type { Acceptor } from '../../mta/listen/types.ts';
import { waitFor } from '../support/wait.ts';
import {
  BOB,
  CAROL,
  DAVE,
  hello,
  MAIL,
  NOBODY,
  queued,
  rcpt,
  recipients,
  start,
  TOO_LARGE_FOR_CAROL,
} from './lmtp-in.ts';
import { stopRelays } from './relay.ts';
import { LIMITS } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

/** A flow whose commit is another. */
const committing =
  (commit: (own: () => Promise<string>) => Promise<string>) =>
  (flow: Acceptor): Acceptor => ({
    pickUp: flow.pickUp,
    connect: (client) => flow.connect(client),
    authenticate: (...args) => flow.authenticate(...args),
    mail: (client, mail) => flow.mail(client, mail),
    recipient: (...args) => flow.recipient(...args),
    content(...args) {
      const sink = flow.content(...args);
      return { ...sink, commit: (without) => commit(() => sink.commit(without)) };
    },
  });

describe('RFC 2033 §4.1: LHLO, HELO and EHLO of a client', () => {
  it('the greeting says which protocol it is', async () => {
    const wire = await Wire.connect((await start()).port);
    expect((await wire.reply()).lines).toEqual(['mx.ours.test LMTP Postrider']);
  });

  it('LHLO is answered as EHLO is by SMTP', async () => {
    const wire = await Wire.connect((await start()).port);
    await wire.reply();
    const { code, lines } = await wire.command('lhlo client.test');
    expect(code).toBe(250);
    expect(lines).toEqual([
      ...['mx.ours.test', 'PIPELINING', `SIZE ${LIMITS.messageSize}`, '8BITMIME', 'ENHANCEDSTATUSCODES'],
      ...['DSN', 'CHUNKING', 'BINARYMIME', 'SMTPUTF8', 'DELIVERBY', 'MT-PRIORITY'],
      'LIMITS RCPTMAX=100 MAILMAX=100',
    ]);
  });

  it.each(['HELO client.test', 'EHLO client.test', 'EHLO'])(
    '%s is unknown: 500, and changes nothing',
    async (line) => {
      const wire = await Wire.connect((await start()).port);
      await wire.reply();
      expect(await wire.dialogue(line, MAIL)).toEqual(['500 5.5.2', '503 5.5.1']);
      await wire.command('LHLO client.test');
      expect(await wire.dialogue(MAIL, line, BOB)).toEqual(['250 2.1.0', '500 5.5.2', '250 2.1.5']);
    },
  );

  it('LHLO begins anew, as EHLO does', async () => {
    const wire = await hello(await start());
    expect(await wire.dialogue(MAIL, 'LHLO client.test', BOB, MAIL, BOB)).toEqual([
      ...['250 2.1.0', '250', '503 5.5.1', '250 2.1.0', '250 2.1.5'],
    ]);
    expect((await wire.command('LHLO')).status).toBe('501 5.5.4');
  });

  it.each(['smtp', 'submission', 'odmr'] as const)(
    'on a listener of the role %s, LHLO is unknown',
    async (role) => {
      const relay = await start({ listener: { role } });
      const wire = await Wire.connect(relay.port);
      await wire.reply();
      expect(await wire.dialogue('LHLO client.test', 'EHLO client.test')).toEqual(['500 5.5.2', '250']);
    },
  );

  it('takes mail for our own from anyone, and for others from those who may relay', async () => {
    const wire = await hello(await start());
    expect(await wire.dialogue(MAIL, rcpt('x@elsewhere.test'), NOBODY, BOB, rcpt('postmaster'))).toEqual([
      ...['250 2.1.0', '550 5.7.1', '550 5.1.1', '250 2.1.5', '250 2.1.5'],
    ]);
    const relaying = await hello(await start({ listener: { relayFrom: ['127.0.0.1'] } }));
    expect(await relaying.dialogue(MAIL, rcpt('x@elsewhere.test'))).toEqual(['250 2.1.0', '250 2.1.5']);
  });
});

describe('RFC 2033 §4.2: DATA of a client', () => {
  it('fails with 503 where no RCPT was successful', async () => {
    const relay = await start();
    const wire = await hello(relay);
    expect(await wire.dialogue('DATA', MAIL, 'DATA', NOBODY, 'DATA', BOB, 'DATA')).toEqual([
      ...['503 5.5.1', '250 2.1.0', '503 5.5.1', '550 5.1.1', '503 5.5.1', '250 2.1.5', '354'],
    ]);
  });

  it('has a reply for each RCPT that was successful, and none for others', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, BOB, NOBODY, CAROL, DAVE, 'DATA');
    wire.send('Subject: x\r\n\r\nx\r\n.\r\nNOOP\r\n');
    const replies = [await wire.reply(), await wire.reply(), await wire.reply()];
    expect(replies.map(({ status, lines }) => [status, lines.length])).toEqual(
      Array.from({ length: 3 }, () => ['250 2.0.0', 1]),
    );
    // Nothing was left over, and nothing was missing.
    expect(await wire.dialogue(MAIL, BOB)).toEqual(['250 2.0.0', '250 2.1.0']);
    expect((await wire.reply()).status).toBe('250 2.1.5');
    expect(await recipients(relay)).toEqual([['bob@store.test', 'carol@small.test', 'dave@store.test']]);
  });

  it('has one for each of two successful RCPTs with the same address', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, BOB, BOB, 'DATA');
    wire.send('x\r\n.\r\nQUIT\r\n');
    expect(await wire.replies(3)).toEqual(['250 2.0.0', '250 2.0.0', '221 2.0.0']);
  });

  it('refuses it for a recipient whose own limit it is above, and takes it for the others', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, BOB, CAROL, DAVE, CAROL, 'DATA');
    wire.send(`${TOO_LARGE_FOR_CAROL}.\r\n`);
    expect(await wire.replies(4)).toEqual(['250 2.0.0', '552 5.3.4', '250 2.0.0', '552 5.3.4']);
    const [message, ...more] = await queued(relay);
    expect(message?.to).toEqual(['bob@store.test', 'dave@store.test']);
    expect(message?.content.endsWith(TOO_LARGE_FOR_CAROL)).toBe(true);
    expect(more).toEqual([]);
    expect(relay.refusals).toMatchObject(
      [NOBODY, NOBODY].map(() => ({ command: 'DATA', from: 'anna@sender.test', to: 'carol@small.test' })),
    );
    expect((await wire.command(MAIL)).status).toBe('250 2.1.0');
  });

  it.each([
    ['above the limits of all', [CAROL, CAROL], TOO_LARGE_FOR_CAROL, '552 5.3.4'],
    ['above the listener’s limit', [BOB, CAROL], `${'x'.repeat(900)}\r\n`.repeat(200), '552 5.3.4'],
    ['a loop', [BOB, DAVE], 'Received: x\r\n'.repeat(LIMITS.hops), '554 5.4.6'],
    ['with a line that is too long', [BOB, DAVE], `${'x'.repeat(2000)}\r\n`, '554 5.6.0'],
  ])('refuses what is %s for each of them', async (_, to, content, status) => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, ...to, 'DATA');
    wire.send(`${content}.\r\nNOOP\r\n`);
    expect(await wire.replies(3)).toEqual([status, status, '250 2.0.0']);
    expect(await queued(relay)).toEqual([]);
  });

  it('says 250 to none before the message is on stable storage for all', async () => {
    const gate = Promise.withResolvers<void>();
    let begun = false;
    const acceptor = committing((own) => {
      begun = true;
      return gate.promise.then(own);
    });
    const relay = await start({ acceptor });
    const wire = await hello(relay);
    await wire.dialogue(MAIL, BOB, DAVE, 'DATA');
    wire.chunks.length = 0;
    wire.send('x\r\n.\r\nNOOP\r\n');
    await waitFor('the commit to begin', () => begun);
    expect(await queued(relay)).toEqual([]);
    expect(wire.chunks).toEqual([]);
    gate.resolve();
    expect(await wire.replies(3)).toEqual(['250 2.0.0', '250 2.0.0', '250 2.0.0']);
    expect(await recipients(relay)).toEqual([['bob@store.test', 'dave@store.test']]);
  });

  it('says to each that it could not be stored', async () => {
    const relay = await start({ acceptor: committing(() => Promise.reject(smtpError('leaseLost'))) });
    const wire = await hello(relay);
    await wire.dialogue(MAIL, BOB, DAVE, 'DATA');
    wire.send('x\r\n.\r\nRSET\r\n');
    expect(await wire.replies(3)).toEqual(['451 4.3.0', '451 4.3.0', '250 2.0.0']);
  });

  it('refuses a bare LF for each, and closes', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, BOB, DAVE, 'DATA');
    wire.send('x\ny\r\n.\r\n');
    expect(await wire.replies(2)).toEqual(['521 5.5.2', '521 5.5.2']);
    expect(await wire.closed()).toBe('');
    expect(await queued(relay)).toEqual([]);
  });
});

describe('RFC 2033 §4.3: BDAT of a client', () => {
  const chunk = (content: string, last = '') => `BDAT ${content.length}${last}\r\n${content}`;

  it('LAST has a reply for each successful RCPT, and a chunk before it has one', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, BOB, NOBODY, BOB, CAROL);
    wire.send(`${chunk('Subject: ')}${chunk('x\r\n\r\nx\r\n', ' LAST')}NOOP\r\n`);
    expect(await wire.replies(5)).toEqual(Array.from({ length: 5 }, () => '250 2.0.0'));
    expect(await recipients(relay)).toEqual([['bob@store.test', 'bob@store.test', 'carol@small.test']]);
  });

  it('LAST has a refusal for whose own limit it is above', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, CAROL, BOB);
    wire.send(`${chunk(TOO_LARGE_FOR_CAROL)}${chunk('', ' LAST')}`);
    expect(await wire.replies(3)).toEqual(['250 2.0.0', '552 5.3.4', '250 2.0.0']);
    expect(await recipients(relay)).toEqual([['bob@store.test']]);
  });

  it('LAST has no reply where no RCPT was successful', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, NOBODY);
    wire.send(`${chunk('MAIL FROM:<x@y.test>\r\n', ' LAST')}NOOP\r\n`);
    expect((await wire.reply()).status).toBe('250 2.0.0');
    wire.send(`${MAIL}\r\n${chunk('', ' LAST')}${MAIL}\r\nQUIT\r\n`);
    expect(await wire.replies(3)).toEqual(['250 2.1.0', '250 2.1.0', '221 2.0.0']);
    expect(await wire.closed()).toBe('');
    expect(await queued(relay)).toEqual([]);
  });

  it('a chunk before LAST has one reply where no RCPT was successful, and no recipient follows it', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, NOBODY);
    wire.send(`${chunk('x\r\n')}${BOB}\r\n${chunk('y\r\n', ' LAST')}NOOP\r\n`);
    expect(await wire.replies(3)).toEqual(['503 5.5.1', '503 5.5.1', '250 2.0.0']);
    expect(await queued(relay)).toEqual([]);
  });

  it.each(['', ' LAST'])('RFC 3030 §2: BDAT%s without MAIL is answered 503', async (last) => {
    const wire = await hello(await start());
    wire.send(`${chunk('x', last)}NOOP\r\n`);
    expect(await wire.replies(2)).toEqual(['503 5.5.1', '250 2.0.0']);
  });

  it('LAST behind a chunk that was refused has a reply for each, too', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, CAROL, CAROL);
    wire.send(`${chunk(TOO_LARGE_FOR_CAROL)}${chunk('x')}${chunk('y', ' LAST')}${MAIL}\r\n`);
    expect(await wire.replies(5)).toEqual([
      ...['552 5.3.4', '552 5.3.4', '552 5.3.4', '552 5.3.4', '250 2.1.0'],
    ]);
    expect(await queued(relay)).toEqual([]);
  });

  it('RSET clears a transaction with a chunk that was refused', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(MAIL, CAROL);
    wire.send(`${chunk(TOO_LARGE_FOR_CAROL)}RSET\r\n${MAIL}\r\n${BOB}\r\n${chunk('x\r\n', ' LAST')}`);
    expect(await wire.replies(5)).toEqual(['552 5.3.4', '250 2.0.0', '250 2.1.0', '250 2.1.5', '250 2.0.0']);
    expect(await recipients(relay)).toEqual([['bob@store.test']]);
  });
});

describe('RFC 2033 §5: requirements of a server', () => {
  it('PIPELINING: a group is answered in order and in one piece, and so is its content with the next group', async () => {
    const relay = await start();
    const wire = await hello(relay);
    const group = [MAIL, BOB, NOBODY, DAVE, 'DATA', ''].join('\r\n');
    const replies = ['250 2.1.0', '250 2.1.5', '550 5.1.1', '250 2.1.5', '354'];
    wire.chunks.length = 0;
    wire.send(group);
    expect(await wire.replies(5)).toEqual(replies);
    expect(wire.chunks).toHaveLength(1);
    wire.chunks.length = 0;
    wire.send(`one\r\n.\r\n${group}`);
    expect(await wire.replies(7)).toEqual(['250 2.0.0', '250 2.0.0', ...replies]);
    expect(wire.chunks).toHaveLength(1);
    wire.send('two\r\n.\r\nQUIT\r\n');
    expect(await wire.replies(3)).toEqual(['250 2.0.0', '250 2.0.0', '221 2.0.0']);
    expect(await recipients(relay)).toHaveLength(2);
  });

  it('ENHANCEDSTATUSCODES: each reply to the content has one', async () => {
    const wire = await hello(await start());
    await wire.dialogue(MAIL, BOB, CAROL, 'DATA');
    wire.send(`${TOO_LARGE_FOR_CAROL}.\r\n`);
    expect([(await wire.reply()).enhanced, (await wire.reply()).enhanced]).toEqual(['2.0.0', '5.3.4']);
  });

  it('8BITMIME: content of eight bits comes as it is', async () => {
    const relay = await start();
    const wire = await hello(relay);
    await wire.dialogue(`${MAIL} BODY=8BITMIME`, BOB, 'DATA');
    wire.send('Subject: x\r\n\r\n\xe4\r\n.\r\n');
    expect((await wire.reply()).status).toBe('250 2.0.0');
    expect((await queued(relay))[0]!.content.endsWith('\r\n\xe4\r\n')).toBe(true);
  });

  it('port 25 is not for LMTP', async () => {
    const { config } = (await start()).listener;
    expect(listenerSchema.safeParse({ ...config, port: 24 }).success).toBe(true);
    expect(listenerSchema.safeParse({ ...config, port: 25, role: 'smtp' }).success).toBe(true);
    const { error } = listenerSchema.safeParse({ ...config, port: 25 });
    expect(error?.issues).toMatchObject([{ path: ['port'], message: expect.stringContaining('port 25') }]);
  });

  it.each(['before the replies', 'in the middle of the content'])(
    'a connection that is lost %s leaves a message for all, or for nobody',
    async (when) => {
      const gate = Promise.withResolvers<void>();
      let begun = false;
      const acceptor = committing(async (own) => {
        begun = true;
        await gate.promise;
        return own();
      });
      const relay = await start({ acceptor });
      const wire = await hello(relay);
      await wire.dialogue(MAIL, BOB, DAVE, 'DATA');
      const isComplete = when === 'before the replies';
      wire.send(isComplete ? 'x\r\n.\r\n' : 'x\r\n');
      if (isComplete) await waitFor('the commit to begin', () => begun);
      wire.reset();
      await waitFor('the session to have ended', () => relay.listener.sessions === 0);
      gate.resolve();
      const expected = isComplete ? [['bob@store.test', 'dave@store.test']] : [];
      await waitFor('what is left', async () => (await recipients(relay)).length === expected.length);
      expect(await recipients(relay)).toEqual(expected);
      expect(relay.defects).toEqual([]);
    },
  );
});
