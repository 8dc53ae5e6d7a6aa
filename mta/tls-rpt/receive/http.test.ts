import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/wait.ts';
import { diskError } from '../../queue/testing/memory-disk.ts';
import { createEndpoint } from './http.ts';
import { openIntake } from './testing/intake.ts';
import { bytesOf, googleReport, gzipped } from './testing/reports.ts';

const MiB = 1024 * 1024;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** A server as there may be one in front of it. */
async function serve() {
  const world = openIntake();
  const errors: unknown[] = [];
  const statuses: number[] = [];
  let begun = 0;
  const sockets = new Set<Socket>();
  const endpoint = createEndpoint({
    ...{ intake: world.intake, clock: world.clock },
    onError: (error) => void errors.push(error),
  });
  const server = createServer((incoming, response) => {
    const { method = '', headers, socket } = incoming;
    const client = socket.remoteAddress ?? '';
    begun += 1;
    sockets.add(socket);
    void endpoint({ method, client, contentType: headers['content-type'], body: incoming }).then(
      ({ status, text }) => {
        statuses.push(status);
        if (!incoming.complete) response.setHeader('connection', 'close');
        response.writeHead(status).end(text);
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const send = (body: Buffer | undefined, type?: string, method = 'POST', localAddress = '127.0.0.1') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = { ...(type && { 'content-type': type }) };
      const to = { host: '127.0.0.1', port, localAddress };
      const sent = request({ ...to, method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  /** Octets, of all requests. */
  const read = () => [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  return { ...world, port, send, errors, statuses, read, begun: () => begun };
}

const GZIP = 'application/tlsrpt+gzip';
const JSON_TYPE = 'application/tlsrpt+json';

describe('the endpoint for reports (RFC 8460 §5.4)', () => {
  it('takes a report, once', async () => {
    const { send, store } = await serve();
    expect(await send(gzipped(googleReport()), GZIP)).toEqual({ status: 201, text: 'it was counted' });
    expect(await send(bytesOf(googleReport()), `${JSON_TYPE}; charset=utf-8`)).toEqual({
      ...{ status: 200, text: 'it has been counted before' },
    });
    expect(await store.entries(7)).toMatchObject([{ via: 'https', successful: 773 }]);
  });

  it.each(['application/json', 'Application/TLSRPT+GZIP', 'application/gzip'])('takes %s', async (type) => {
    const { send } = await serve();
    expect((await send(gzipped(googleReport()), type)).status).toBe(201);
  });

  it.each([
    'text/plain',
    'multipart/form-data; boundary=b',
    'application/x-www-form-urlencoded',
    undefined,
    ';',
  ])('takes no %s', async (type) => {
    const { send, counted } = await serve();
    expect((await send(gzipped(googleReport()), type)).status).toBe(415);
    expect(counted).toEqual([]);
  });

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('has no %s', async (method) => {
    const { send } = await serve();
    expect((await send(undefined, GZIP, method)).status).toBe(405);
  });

  it('says what is wrong with what is none', async () => {
    const { send } = await serve();
    expect(await send(Buffer.from('{'), JSON_TYPE)).toEqual({ status: 400, text: 'it is not JSON' });
    expect((await send(undefined, JSON_TYPE)).status).toBe(400);
    const foreign = JSON.parse(JSON.stringify(googleReport()).replaceAll('ours.test', 'b.test')) as unknown;
    expect(await send(gzipped(foreign), GZIP)).toEqual({
      ...{ status: 400, text: 'it is about no domain that asks for reports here' },
    });
  });

  it('stops reading where a body is too large, and what it holds is', async () => {
    const { port, send } = await serve();
    expect((await send(gzipSync(Buffer.alloc(11 * MiB)), GZIP)).status).toBe(413);
    // A body without an end: answered before that.
    const socket = connect(port, '127.0.0.1');
    closing.push(async () => socket.destroy());
    socket.on('error', () => {});
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${GZIP}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    let answer = '';
    socket.on('data', (data: Buffer) => {
      answer += data.toString();
    });
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MiB), Buffer.from('\r\n')]);
    for (let n = 0; n < 12 && answer === ''; n += 1) {
      await new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
    }
    await waitFor('an answer', () => answer !== '');
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('stops reading what is cut into chunks without number, each of which costs memory and time', async () => {
    const { port } = await serve();
    const socket = connect(port, '127.0.0.1');
    closing.push(async () => socket.destroy());
    socket.on('error', () => {});
    let answer = '';
    socket.on('data', (data: Buffer) => {
      answer += data.toString();
    });
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${GZIP}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunks = Buffer.from('1\r\n \r\n'.repeat(10_000));
    const before = process.memoryUsage().rss;
    for (let n = 0; n < 200 && answer === '' && !socket.destroyed; n += 1) {
      await new Promise<void>((resolve) => socket.write(chunks, () => resolve()));
    }
    await waitFor('an answer', () => answer !== '');
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*it is cut into too many chunks\r\n/);
    // A few of these 2 million, and what lay between in buffers of sockets.
    expect(socket.bytesWritten).toBeLessThan(6 * MiB);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MiB);
  });

  it('takes chunks as networks make them', async () => {
    const { port, counted } = await serve();
    const socket = connect(port, '127.0.0.1');
    closing.push(async () => socket.destroy());
    const report = bytesOf(googleReport());
    // More than 10,000 chunks, whose size is that of what a packet holds.
    const blank = Buffer.from(`200\r\n${' '.repeat(512)}\r\n`.repeat(11_000));
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    socket.write(blank);
    socket.write(`${report.length.toString(16)}\r\n${report.toString()}\r\n0\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 /);
    expect(counted).toContain('received https counted');
  });

  it('ends with a client that breaks off', async () => {
    const { port, statuses, begun } = await serve();
    const socket = connect(port, '127.0.0.1');
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${GZIP}\r\nContent-Length: 100\r\n\r\nabc`);
    await waitFor('the request to be seen', () => begun() === 1);
    socket.destroy();
    await waitFor('an answer', () => statuses.length > 0);
    expect(statuses).toEqual([400]);
  });

  /** Some that have begun to send, from an address of their own, and don't go on by themselves. */
  async function slow({ port, read }: { port: number; read: () => number }, address: string, body = 'abc') {
    const before = read();
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${GZIP}\r\nContent-Length: 10000000\r\n\r\n`;
    const sockets = Array.from({ length: 4 }, () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: address });
      socket.on('error', () => {});
      socket.resume();
      socket.write(head + body);
      return socket;
    });
    closing.push(async () => sockets.forEach((socket) => void socket.destroy()));
    await waitFor('four requests', () => read() >= before + 3 * (head + body).length + head.length);
    return sockets;
  }
  const late = (statuses: readonly number[]) => statuses.filter((status) => status === 408).length;

  it('lets no more than four of one client be under way, and others be heard meanwhile', async () => {
    const world = await serve();
    const { send, clock, statuses } = world;
    await slow(world, '127.0.0.1');
    expect(await send(gzipped(googleReport()), GZIP)).toEqual({
      ...{ status: 503, text: 'too many reports at a time' },
    });
    expect((await send(gzipped(googleReport()), GZIP, 'POST', '127.0.0.2')).status).toBe(201);
    await clock.advance(5000);
    await waitFor('four answers', () => late(statuses) === 4);
    expect((await send(gzipped(googleReport()), GZIP)).status).toBe(200);
  });

  it('has a bound for all clients together', async () => {
    const world = await serve();
    for (let n = 1; n <= 16; n += 1) await slow(world, `127.0.1.${n}`);
    expect((await world.send(gzipped(googleReport()), GZIP)).status).toBe(503);
  });

  it('gives up a client that pauses for five seconds, or goes on for a minute', async () => {
    const world = await serve();
    const { clock, statuses } = world;
    const [first, ...others] = await slow(world, '127.0.0.1');
    for (let second = 0; second < 56; second += 4) {
      await clock.advance(4000);
      const before = world.read();
      first!.write('x');
      await waitFor('an octet', () => world.read() > before);
    }
    await waitFor('three answers', () => late(statuses) === others.length);
    await clock.advance(4000);
    await waitFor('the last answer', () => late(statuses) === 4);
  });

  it('has room for a few large bodies at a time, and for small ones besides', async () => {
    const world = await serve();
    const large = 'x'.repeat(9 * MiB);
    await slow(world, '127.0.0.1', large);
    await waitFor('one to be refused', () => world.statuses.length === 1);
    expect(world.statuses).toEqual([503]);
    expect((await world.send(gzipped(googleReport()), GZIP)).status).toBe(201);
    await world.clock.advance(5000);
    await waitFor('the others', () => late(world.statuses) === 3);
    expect((await world.send(Buffer.alloc(9 * MiB, ' '), JSON_TYPE)).status).toBe(400);
  });

  it('asks for another try where the volume fails, and says nothing of that', async () => {
    const { send, disk, errors } = await serve();
    disk.inject = (step) => (step.operation === 'sync' ? diskError('EIO', step) : undefined);
    expect(await send(gzipped(googleReport()), GZIP)).toEqual({
      ...{ status: 503, text: 'it could not be kept, try again later' },
    });
    expect(errors).toMatchObject([{ code: 'EIO' }]);
    disk.inject = () => undefined;
    expect((await send(gzipped(googleReport()), GZIP)).status).toBe(201);
  });

  it('refuses what is more than a day may have', async () => {
    const { send, intake } = await serve();
    for (let n = 0; n < 200; n += 1) {
      await intake.take(async () => bytesOf(googleReport({ 'report-id': `${n}` })), 'https');
    }
    expect((await send(gzipped(googleReport()), GZIP)).status).toBe(429);
  });
});
