/** What goes over the wire, byte for byte, and what a receiver can check of it. */
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../testing/test-clock.ts';
import { contentOf, send, streamOf } from '../testing/send.ts';
import { signatures } from './signature.ts';
import { http, partsOf, type Request } from './testing/receiver.ts';
import { KEY, keyLine, overTls, useReceivers, webhookHop } from './testing/use-receivers.ts';

const { pool, receiverOf } = useReceivers();

const field = (request: Request | undefined, name: string) => request?.fields.get(name) ?? '';

/** By OpenSSL, which has no line of code in common with what signs. */
function macByOpenssl(key: Buffer, bytes: Buffer): string {
  const options = ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${key.toString('hex')}`, '-binary'];
  return execFileSync('openssl', options, { input: bytes }).toString('base64');
}

const signedBytes = (request: Request) =>
  Buffer.concat([
    Buffer.from(`${field(request, 'webhook-id')}.${field(request, 'webhook-timestamp')}.`),
    request.body,
  ]);

describe('a request', () => {
  it('is one POST with the envelope and then the message, byte for byte', async () => {
    const receiver = await receiverOf();
    const message = Buffer.concat([
      Buffer.from('Subject: Grüße\r\n\r\n.dot\r\n..\r\n.\r\n--postrider-x--\r\n'),
      Buffer.from([0, 0x80, 0xff, 0x0d, 0x0a]),
      Buffer.from('no newline at the end'),
    ]);
    await send(pool(), webhookHop(receiver.port), {
      from: 'anna@sender.test',
      to: ['bob@peer.test', 'zoë@peer.test'],
      content: contentOf(message),
      attempt: 3,
      envelope: {
        arrivedAt: Date.UTC(2026, 10, 30, 12),
        recipients: [
          { address: 'bob@peer.test', notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;b+2Bob@peer.test' },
          { address: 'zoë@peer.test' },
        ],
        smtputf8: true,
        bodyType: 'BINARYMIME',
        ret: 'HDRS',
        envid: 'e1',
        origin: {
          listener: 'smtp',
          protocol: 'UTF8SMTPSA',
          clientAddress: '192.0.2.7',
          helo: 'client.test',
          user: 'app',
          tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
        },
      },
    });
    const [request, ...others] = receiver.requests;
    expect(others).toEqual([]);
    expect(request?.line).toBe('POST /mail?key=1 HTTP/1.1');
    expect(field(request, 'host')).toBe(`peer.test:${receiver.port}`);
    expect(request?.fields.has('transfer-encoding')).toBe(false);
    const [envelope, part, ...more] = partsOf(request!);
    expect(more).toEqual([]);
    expect(envelope?.head).toBe(
      'Content-Disposition: form-data; name="envelope"\r\nContent-Type: application/json',
    );
    expect(JSON.parse(envelope!.content.toString())).toEqual({
      id: 'lane-7',
      attempt: 3,
      arrivedAt: '2026-11-30T12:00:00.000Z',
      from: 'anna@sender.test',
      recipients: [
        {
          index: 0,
          address: 'bob@peer.test',
          notify: ['SUCCESS', 'DELAY'],
          orcpt: 'rfc822;b+2Bob@peer.test',
        },
        { index: 1, address: 'zoë@peer.test' },
      ],
      size: message.length,
      body: 'BINARYMIME',
      smtputf8: true,
      ret: 'HDRS',
      envid: 'e1',
      origin: {
        listener: 'smtp',
        protocol: 'UTF8SMTPSA',
        clientAddress: '192.0.2.7',
        helo: 'client.test',
        user: 'app',
        tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
      },
    });
    expect(part?.head).toBe(
      'Content-Disposition: form-data; name="message"; filename="message.eml"\r\nContent-Type: message/rfc822',
    );
    expect(part?.content).toEqual(message);
  });

  it('streams a large message, and is whole', async () => {
    const receiver = await receiverOf();
    const chunks = Array.from({ length: 160 }, () => randomBytes(64 * 1024));
    await send(pool(), webhookHop(receiver.port), { content: streamOf(chunks) });
    const [, part] = partsOf(receiver.requests[0]!);
    expect(part?.content.equals(Buffer.concat(chunks))).toBe(true);
  });

  it('is read as a form by what reads forms', async () => {
    const receiver = await receiverOf();
    const message = Buffer.from([0x0d, 0x0a, 0, 0xff, 0x2e, 0x0d, 0x0a, 0x2d, 0x2d]);
    await send(pool(), webhookHop(receiver.port), { content: contentOf(message) });
    const { body, fields } = receiver.requests[0]!;
    const headers = { 'content-type': fields.get('content-type')! };
    const form = await new Response(new Uint8Array(body), { headers }).formData();
    expect([...form.keys()]).toEqual(['envelope', 'message']);
    const file = form.get('message') as File;
    expect(Buffer.from(await file.arrayBuffer())).toEqual(message);
  });

  it('goes over the connection of the one before', async () => {
    const receiver = await receiverOf();
    const sessions = pool();
    for (const _ of [1, 2, 3]) await send(sessions, webhookHop(receiver.port));
    expect(receiver.requests.map(({ connection }) => connection)).toEqual([1, 1, 1]);
  });

  it('has a connection to itself where the one before was the last', async () => {
    const receiver = await receiverOf({ answer: () => http('200 OK', '', { Connection: 'close' }) });
    const sessions = pool();
    for (const _ of [1, 2]) await send(sessions, webhookHop(receiver.port));
    expect(receiver.requests.map(({ connection }) => connection)).toEqual([1, 2]);
  });

  it('never goes with the path or the keys of another webhook at the same host', async () => {
    const receiver = await receiverOf();
    const sessions = pool();
    const other = randomBytes(32);
    await send(sessions, webhookHop(receiver.port));
    await send(sessions, webhookHop(receiver.port, {}, { path: '/other' }));
    await send(sessions, webhookHop(receiver.port, {}, { keys: keyLine(other) }));
    expect(receiver.requests.map(({ line }) => line.split(' ')[1])).toEqual([
      '/mail?key=1',
      '/other',
      '/mail?key=1',
    ]);
    const last = receiver.requests[2]!;
    expect(field(last, 'webhook-signature')).toBe(`v1,${macByOpenssl(other, signedBytes(last))}`);
  });
});

describe('the signature', () => {
  it('is the one of Standard Webhooks for what its own libraries sign', async () => {
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const of = { id: 'msg_p5jXN8AQM9LWM0D4loKWxEek', seconds: 1_614_265_330 };
    async function* body() {
      yield Buffer.from('{"test": ');
      yield Buffer.from('2432232314}');
    }
    expect(await signatures([key], of, body())).toBe('v1,xm3N4+aKmqpsHqf2GrAK/g6ew7J0s6ILlNe44yY/l78=');
  });

  it('is over every byte of the body, of a message in memory and of one in a file', async () => {
    const receiver = await receiverOf();
    const chunks = [randomBytes(100_000), randomBytes(100_000)];
    const sessions = pool();
    for (const content of [contentOf('short\r\n'), streamOf(chunks)]) {
      await send(sessions, webhookHop(receiver.port), { content });
    }
    for (const request of receiver.requests) {
      expect(field(request, 'webhook-signature')).toBe(`v1,${macByOpenssl(KEY, signedBytes(request))}`);
    }
  });

  it('is one for each key', async () => {
    const receiver = await receiverOf();
    const keys = [randomBytes(24), randomBytes(64)];
    await send(pool(), webhookHop(receiver.port, {}, { keys: `${keys.map(keyLine).join('\n')}\n` }));
    const request = receiver.requests[0]!;
    expect(field(request, 'webhook-signature')).toBe(
      keys
        .map((key) => `v1,${createHmac('sha256', key).update(signedBytes(request)).digest('base64')}`)
        .join(' '),
    );
  });

  it('is made at the time of the request', async () => {
    const receiver = await receiverOf();
    const clock = new TestClock();
    await send(pool(10, {}, { clock }), webhookHop(receiver.port));
    expect(field(receiver.requests[0], 'webhook-timestamp')).toBe(String(Math.floor(clock.now() / 1000)));
  });

  it('has the same id with each attempt, and another one for other recipients', async () => {
    const receiver = await receiverOf();
    const sessions = pool();
    for (const [to, attempt] of [
      [['a@peer.test', 'b@peer.test'], 1],
      [['a@peer.test', 'b@peer.test'], 2],
      [['a@peer.test'], 3],
    ] as const) {
      await send(sessions, webhookHop(receiver.port), { to, attempt });
    }
    const ids = receiver.requests.map((request) => field(request, 'webhook-id'));
    expect(ids[0]).toMatch(/^lane-7_[0-9a-f]{16}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('can not be made with what is no key: the mail waits', async () => {
    const receiver = await receiverOf();
    const sent = send(pool(), webhookHop(receiver.port, {}, { keys: 'secret' }));
    await expect(sent).rejects.toMatchObject({ code: 451, enhanced: '4.3.5', blame: 'config' });
    expect(receiver.requests).toEqual([]);
  });
});

describe('https', () => {
  it('is spoken at once, and verified', async () => {
    const receiver = await receiverOf({ tls: true });
    const sessions = pool();
    const hop = webhookHop(receiver.port, overTls);
    const session = await sessions.acquire(hop);
    expect(session.tls).toMatch(/^TLSv1\.3 TLS_/);
    sessions.release(session);
    await send(sessions, hop);
    expect(receiver.requests.map(({ connection }) => connection)).toEqual([1]);
  });

  it.each([
    ['an authority that nobody knows', { implicitTls: true, tls: { ...overTls.tls, ca: undefined } }],
    ['another name', { ...overTls, host: 'other.test' }],
    ['an unknown authority, even where a policy would not look', { implicitTls: true }],
  ])('has no message for %s', async (_what, change) => {
    const receiver = await receiverOf({ tls: true });
    const hop = webhookHop(receiver.port, change as object);
    await expect(send(pool(), hop)).rejects.toMatchObject({ code: 451, enhanced: '4.7.5' });
    expect(receiver.requests).toEqual([]);
  });

  it('is not spoken with who speaks clear text', async () => {
    const receiver = await receiverOf({ early: http('400 Bad Request') });
    const sent = send(pool(1), webhookHop(receiver.port, overTls));
    await expect(sent).rejects.toMatchObject({ code: 451, enhanced: '4.7.5' });
  });
});
