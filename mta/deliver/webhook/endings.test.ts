/** How a request may end besides with a whole answer: cut, silent, early, garbled, too large, or no longer ours to send. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { SmtpError } from '../../errors.ts';
import { contentOf, send, streamOf } from '../testing/send.ts';
import { SHORT } from '../testing/use-peers.ts';
import { LARGEST_ANSWER } from './line.ts';
import { CUT, http, json, SILENCE } from './testing/receiver.ts';
import { overTls, useReceivers, webhookHop } from './testing/use-receivers.ts';

const { pool, receiverOf, outcome } = useReceivers();

/** More than the sockets' buffers hold. */
const large = () => streamOf(Array.from({ length: 400 }, () => Buffer.alloc(64 * 1024, 'x')));

describe('who cuts the connection', () => {
  it('after the whole request may have the message', async () => {
    expect(await outcome({ answer: () => CUT })).toMatchObject({
      ...{ code: 451, enhanced: '4.4.2', uncertain: true, closes: true, remote: undefined },
    });
  });

  it('in the midst of the answer may have it, whatever its status was', async () => {
    const half = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf';
    const receiver = await receiverOf({
      answer: () => {
        setImmediate(() => void receiver.close());
        return half;
      },
    });
    await expect(send(pool(), webhookHop(receiver.port))).rejects.toMatchObject({
      code: 451,
      uncertain: true,
    });
  });

  it('in the midst of the message has not got it', async () => {
    const said = await outcome({ early: CUT }, { content: large() });
    expect(said).toMatchObject({ code: 451, enhanced: '4.4.2', uncertain: false, closes: true });
  });

  it('while it was idle has a new connection made', async () => {
    const receiver = await receiverOf();
    const sessions = pool();
    await send(sessions, webhookHop(receiver.port));
    receiver.cut();
    await expect.poll(() => sessions.open).toBe(0);
    await send(sessions, webhookHop(receiver.port));
    expect(receiver.requests.map(({ connection }) => connection)).toEqual([1, 2]);
  });

  it.each([1, 2])('and has said that it would after %i s, finds it closed before', async (seconds) => {
    const answer = () => http('200 OK', '', { 'Keep-Alive': `timeout=${seconds}` });
    const receiver = await receiverOf({ answer });
    const sessions = pool(10, { idleConnectionSeconds: 600 });
    await send(sessions, webhookHop(receiver.port));
    await expect.poll(() => receiver.open(), { timeout: 10_000 }).toBe(0);
    expect(sessions.open).toBe(0);
  });

  it('that was idle, instead of answering, is not uncertain: the flow sends it again at once', async () => {
    let count = 0;
    const receiver = await receiverOf({
      answer: () => {
        count += 1;
        return count === 2 ? CUT : http('200 OK');
      },
    });
    const sessions = pool();
    await send(sessions, webhookHop(receiver.port));
    const second = await send(sessions, webhookHop(receiver.port)).catch((error: SmtpError) => error);
    expect(second).toMatchObject({ code: 451, enhanced: '4.4.2', closes: true, uncertain: false });
  });
});

describe('who is silent', () => {
  it('and does not answer may have the message', async () => {
    const said = await outcome({ answer: () => SILENCE }, {}, SHORT);
    expect(said).toMatchObject({ code: 451, enhanced: '4.4.2', uncertain: true });
    expect((said as SmtpError).message).toContain('waiting for the answer');
  });

  it('and lets an answer trickle has no longer for it', async () => {
    let trickle: NodeJS.Timeout | undefined;
    const receiver = await receiverOf({
      answer: () => {
        trickle = setInterval(() => receiver.say('x'), 20);
        return 'HTTP/1.1 200 OK\r\nX: ';
      },
    });
    const sent = send(pool(SHORT), webhookHop(receiver.port)).catch((error: SmtpError) => error);
    expect(await sent).toMatchObject({ enhanced: '4.4.2', uncertain: true });
    clearInterval(trickle);
  });

  it('and does not read has not got the message', async () => {
    const said = await outcome({ deaf: true }, { content: large() }, SHORT);
    expect(said).toMatchObject({ code: 451, enhanced: '4.4.2', uncertain: false });
    expect((said as SmtpError).message).toContain('to take the message');
  });
});

describe('an answer before the end of the request', () => {
  it('that refuses it counts', async () => {
    const receiver = await receiverOf({ early: http('413 Content Too Large', '', { Connection: 'close' }) });
    const sessions = pool();
    const [reply] = await send(sessions, webhookHop(receiver.port), { content: large() });
    expect(reply).toMatchObject({ code: 552, enhanced: '5.3.4' });
    await expect.poll(() => receiver.open()).toBe(0);
    expect(sessions.open).toBe(0);
  });

  it('that takes what it has not read is not believed', async () => {
    const said = await outcome({ early: http('200 OK') }, { content: large() });
    expect(said).toMatchObject({ code: 451, enhanced: '4.5.0', uncertain: false });
  });
});

describe('an answer', () => {
  it.each([
    'SMTP/1.0 250 Ok\r\n\r\n',
    'HTTP/1.1 999999 x\r\n\r\n',
    '\0\0\0\0',
    'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n',
  ])('that is none leaves everything open: %j', async (garbage) => {
    expect(await outcome({ answer: () => garbage }, {}, SHORT)).toMatchObject({
      ...{ code: 451, closes: true, uncertain: true },
    });
  });

  it('without an end has its status counted, and its connection closed', async () => {
    const endless = `HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n${'x'.repeat(LARGEST_ANSWER + 1)}`;
    const receiver = await receiverOf({ answer: () => endless });
    const sessions = pool();
    expect(await send(sessions, webhookHop(receiver.port))).toMatchObject([{ code: 250 }]);
    await expect.poll(() => receiver.open()).toBe(0);
  });

  it('that promises to tell of each recipient, and is too large, tells nothing', async () => {
    const answer = () => json('207 Multi-Status', `${' '.repeat(LARGEST_ANSWER)}{}`);
    expect(await outcome({ answer })).toMatchObject([{ code: 451, enhanced: '4.5.0' }]);
  });

  it('that leads elsewhere is not followed', async () => {
    const other = await receiverOf();
    const location = `http://127.0.0.1:${other.port}/`;
    const answer = () => http('307 Temporary Redirect', '', { Location: location });
    expect(await outcome({ answer })).toMatchObject([
      { code: 451, enhanced: '4.3.5', text: 'HTTP 307 Temporary Redirect: redirects are not followed' },
    ]);
    expect(other.connections()).toBe(0);
  });

  it('of another protocol is none', async () => {
    const answer = () => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n';
    expect(await outcome({ answer })).toMatchObject({ code: 451, uncertain: true });
  });

  it.each([true, undefined] as const)(
    'that nobody asked for ends the connection, and answers no request (TLS: %s)',
    async (tls) => {
      const receiver = await receiverOf(tls ? { tls } : {});
      const hop = webhookHop(receiver.port, tls ? overTls : {});
      const sessions = pool();
      await send(sessions, hop);
      receiver.say(http('200 OK'));
      await expect.poll(() => sessions.open).toBe(0);
      await send(sessions, hop);
      expect(receiver.requests.map(({ connection }) => connection)).toEqual([1, 2]);
    },
  );

  it('that comes twice is not taken for the next one', async () => {
    const receiver = await receiverOf({ answer: () => http('200 OK') + http('200 OK') });
    const sessions = pool();
    await send(sessions, webhookHop(receiver.port)).catch(() => {});
    await expect.poll(() => receiver.open()).toBe(0);
    await send(sessions, webhookHop(receiver.port)).catch(() => {});
    expect(receiver.requests.map(({ connection }) => connection)).toEqual([1, 2]);
  });
});

describe('who no longer owns the message', () => {
  it('sends nothing', async () => {
    const receiver = await receiverOf();
    const sent = send(pool(), webhookHop(receiver.port), { owned: () => false });
    await expect(sent).rejects.toMatchObject({ code: 451, enhanced: '4.3.0', blame: 'us' });
    expect(receiver.requests).toEqual([]);
  });

  it('cuts the connection before the request is whole', async () => {
    const receiver = await receiverOf();
    let read = 0;
    const chunk = randomBytes(64 * 1024);
    const stream = () => {
      read += 1;
      return Readable.from(Array.from({ length: 20 }, () => chunk));
    };
    const content = { size: 20 * chunk.length, bytes: undefined, stream };
    let asked = 0;
    const owned = () => {
      asked += 1;
      return asked < 2;
    };
    const sent = send(pool(), webhookHop(receiver.port), { content, owned });
    await expect(sent).rejects.toMatchObject({ enhanced: '4.3.0', blame: 'us', uncertain: false });
    await expect.poll(() => receiver.partial).toHaveLength(1);
    expect(receiver.requests).toEqual([]);
    expect([read, asked]).toEqual([2, 2]);
  });
});

describe('a message that can not be read', () => {
  it.each([
    ['at all', () => Readable.from(broken(0)), 10],
    ['to its end', () => Readable.from(broken(1)), 10],
    ['in the length that it has', () => Readable.from([Buffer.alloc(9)]), 10],
  ])('%s is not sent as if it were whole', async (_how, stream, size) => {
    const receiver = await receiverOf();
    const content = { size, bytes: undefined, stream };
    await expect(send(pool(), webhookHop(receiver.port), { content })).rejects.toMatchObject({
      ...{ code: 451, enhanced: '4.3.0', blame: 'us' },
    });
    expect(receiver.requests).toEqual([]);
  });
});

async function* broken(after: number) {
  for (let chunk = 0; chunk < after; chunk++) yield Buffer.alloc(5);
  throw new Error('EIO');
}

it('a transaction that is aborted is cut, and one that has not begun leaves the connection as it was', async () => {
  const receiver = await receiverOf({ answer: () => SILENCE });
  const sessions = pool();
  const session = await sessions.acquire(webhookHop(receiver.port));
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
  transaction.body(contentOf('x'), () => true);
  const committed = transaction.commit();
  await expect.poll(() => receiver.requests).toHaveLength(1);
  transaction.abort();
  await expect(committed).rejects.toMatchObject({ code: 451, uncertain: true });
  sessions.release(session);
  await expect.poll(() => receiver.open()).toBe(0);
});
