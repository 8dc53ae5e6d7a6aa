import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { peerCertificate, peerKey } from '../deliver/testing/certificate.ts';
import { compileEgress } from '../route/egress.ts';
import { TestClock } from '../testing/test-clock.ts';
import { LONGEST_MS, type PostDeps, postReport } from './post.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    (server as { closeAllConnections?: () => void }).closeAllConnections?.();
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

interface Seen extends Pick<IncomingMessage, 'method' | 'url' | 'headers'> {
  readonly body: string;
  /** What SNI says; false where it says nothing. */
  readonly servername: string | false;
}

async function server(answer: RequestListener) {
  const seen: Seen[] = [];
  const port = await listen(
    createServer({ key: peerKey, cert: peerCertificate }, async (request, response) => {
      const { method, url, headers } = request;
      const { servername } = request.socket as TLSSocket & { readonly servername: string | false };
      seen.push({ method, url, headers, servername, body: (await buffer(request)).toString() });
      answer(request, response);
    }),
  );
  return { port, seen };
}

const status =
  (code: number, headers = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(code, headers).end('thank you');

const GZIP = Buffer.from('as it were compressed');

/** To servers on loopback, where nothing else is said. */
function post(uri: string, change: Partial<PostDeps> & { readonly at?: string[] } = {}) {
  const { at = ['127.0.0.1'], ...deps } = change;
  return postReport(uri, GZIP, {
    addresses: async (host) => ({ host, addresses: at, failure: undefined }),
    ...{ egress: compileEgress(['127.0.0.0/8']), clock: systemClock, signal: new AbortController().signal },
    ...deps,
  });
}

describe('a report by HTTPS (RFC 8460 §5.4)', () => {
  it('is one POST, whatever certificate is shown', async () => {
    const { port, seen } = await server(status(201));
    await post('https://reports.d.test/v1/tlsrpt?from=us', { port });
    expect(seen).toMatchObject([{ method: 'POST', url: '/v1/tlsrpt?from=us', body: GZIP.toString() }]);
    expect(seen[0]!.headers).toMatchObject({
      host: 'reports.d.test',
      'content-type': 'application/tlsrpt+gzip',
      'content-length': String(GZIP.length),
    });
  });

  it.each([200, 202, 204])('is sent where the answer is %i', async (code) => {
    const { port } = await server(status(code));
    await expect(post('https://d.test/', { port })).resolves.toBeUndefined();
  });

  it.each([301, 307, 400, 404, 429, 500, 503])(
    'is not sent where the answer is %i, and goes nowhere else',
    async (code) => {
      const other = await server(status(200));
      const { port, seen } = await server(status(code, { location: `https://127.0.0.1:${other.port}/` }));
      await expect(post('https://d.test/', { port })).rejects.toThrow(`d.test answered ${code}`);
      expect([seen.length, other.seen.length]).toEqual([1, 0]);
    },
  );

  it.each([
    ...['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', 'fd00::1'],
    ...['::ffff:10.0.0.1', '64:ff9b::a00:1'],
  ])('goes to no address that is not public, whatever egress.allow opens for mail: %s', async (address) => {
    const deps = { clock: systemClock, signal: new AbortController().signal };
    const addresses = async (host: string) => ({ host, addresses: [address], failure: undefined });
    const posted = postReport('https://d.test/', GZIP, { ...deps, addresses, port: 1 });
    await expect(posted).rejects.toThrow(`d.test[${address}] is no public address`);
  });

  it('goes to port 443 alone', async () => {
    const { port, seen } = await server(status(200));
    await expect(post(`https://d.test:${port}/`)).rejects.toThrow(
      `d.test:${port}: reports go to port 443 alone`,
    );
    await post('https://d.test:443/', { port });
    expect(seen).toHaveLength(1);
  });

  it('says in SNI whom it wants, without the final dot', async () => {
    const { port, seen } = await server(status(200));
    for (const uri of ['https://d.test./', 'https://d.test/', 'https://127.0.0.1/'])
      await post(uri, { port });
    expect(seen.map(({ servername }) => servername)).toEqual(['d.test', 'd.test', false]);
  });

  it('goes to the next address where nobody is at the first', async () => {
    const { port, seen } = await server(status(200));
    await post('https://d.test/', { port, at: ['127.0.0.77', '127.0.0.1'] });
    expect(seen).toHaveLength(1);
  });

  it('fails where there is no address, or nobody at it, or no TLS', async () => {
    const port = await listen(createTcpServer((socket) => void socket.on('error', () => {}).end('hello')));
    await expect(post('https://d.test/', { at: [] })).rejects.toThrow('d.test has no address');
    await expect(post('https://d.test/', { port: 1 })).rejects.toThrow('d.test[127.0.0.1]: ECONNREFUSED');
    await expect(post('https://d.test/', { port })).rejects.toThrow('d.test[127.0.0.1]: ');
  });

  it('has an end, where the answer has none', async () => {
    const clock = new TestClock();
    const { port, seen } = await server(() => {});
    const posted = post('https://d.test/', { port, clock });
    const failed = expect(posted).rejects.toThrow('it took longer than 60 s');
    await expect.poll(() => seen.length).toBe(1);
    await clock.advance(LONGEST_MS);
    await failed;
  });

  it('ends at once when this process stops, and is not begun after that', async () => {
    const stopping = new AbortController();
    let closed = 0;
    const { port, seen } = await server((request) => void request.socket.on('close', () => closed++));
    const posted = post('https://d.test/', { port, signal: stopping.signal });
    const failed = expect(posted).rejects.toThrow('this process stops');
    await expect.poll(() => seen.length).toBe(1);
    stopping.abort();
    await failed;
    await expect.poll(() => closed).toBe(1);
    await expect(post('https://d.test/', { port, signal: stopping.signal })).rejects.toThrow(
      'this process stops',
    );
    expect(seen).toHaveLength(1);
  });
});
