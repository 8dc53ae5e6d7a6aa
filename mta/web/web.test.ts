/** The web port on the wire: who is shown which certificate, and what is answered. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { testConfig } from '../../test/support/config.ts';
import { temporaryFolder } from '../../test/support/folders.ts';
import { issuer } from '../../test/support/issuer.ts';
import { freePort } from '../../test/support/ports.ts';
import { waitFor } from '../../test/support/wait.ts';
import { systemClock } from '../clock.ts';
import type { Domain, MtaConfig } from '../config.ts';
import { createEndpoint } from '../tls-rpt/receive/http.ts';
import { openIntake } from '../tls-rpt/receive/testing/intake.ts';
import { googleReport, gzipped } from '../tls-rpt/receive/testing/reports.ts';
import { Web } from './web.ts';

const authority = issuer('policy hosts');
const one = authority.issue(['mta-sts.one.test', 'mta-sts.alias.test']);
const two = authority.issue(['mta-sts.two.test']);
const secrets = { 'one/crt': one.crt, 'one/key': one.key, 'two/crt': two.crt, 'two/key': two.key };
const policyOf = (name: string) =>
  `version: STSv1\r\nmode: enforce\r\nmx: mx.${name}.test\r\nmax_age: 86400\r\n`;

const domain = (name: string, aliases: readonly string[] = []): Domain => ({
  ...{ resource: `MailDomain/test/${name}`, domain: `${name}.test`, aliases: [...aliases], trusted: true },
  target: { type: 'lmtp', hosts: [{ host: '127.0.0.1', port: 24 }] },
  recipients: { mode: 'any', list: [] },
  mtaSts: { policy: policyOf(name), certificate: `${name}/crt`, key: `${name}/key` },
});

const running: Web[] = [];
afterEach(() => Promise.all(running.splice(0).map((web) => web.stop())));

async function start(domains: readonly Domain[] = [domain('one', ['alias.test']), domain('two')]) {
  const answers: number[] = [];
  const defects: unknown[] = [];
  const { intake, clock, counted } = openIntake();
  const web = new Web({
    clock: systemClock,
    onAnswer: (code) => answers.push(code),
    onDefect: (error) => defects.push(error),
    report: createEndpoint({
      ...{ intake, clock },
      onError: (error) => {
        throw error;
      },
    }),
  });
  running.push(web);
  const port = await freePort();
  const ports = { smtp: 1, submission: 2, health: 3, control: 4 };
  const config = (more: Partial<MtaConfig> = {}): MtaConfig =>
    testConfig(temporaryFolder('web'), ports, {
      ...{ web: { address: '127.0.0.1', port }, domains: [...domains], secrets, ...more },
    });
  await web.load(config());
  return { web, port, answers, config, counted, defects };
}

interface Asked {
  readonly name?: string;
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly type?: string;
  readonly body?: Buffer;
}

async function ask(
  port: number,
  { name = 'mta-sts.one.test', host = name, path, method, type, body }: Asked = {},
) {
  const asking = request({
    ...{ host: '127.0.0.1', port, servername: name, ca: authority.certificate, agent: false, method },
    path: path ?? '/.well-known/mta-sts.txt',
    headers: { host, ...(type && { 'content-type': type }) },
  });
  // It may end while there is still something to send.
  asking.on('error', () => {});
  asking.end(body);
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const { statusCode: code, headers } = response;
  return { code, type: headers['content-type'], text: (await response.toArray()).join('') };
}

it.each<[string, string]>([
  ['mta-sts.one.test', 'one'],
  ['mta-sts.alias.test', 'one'],
  ['mta-sts.two.test', 'two'],
  ['MTA-STS.Two.Test', 'two'],
])('answers for %s, with a certificate that holds and the policy of its domain', async (name, of) => {
  const { port, answers } = await start();
  const answer = await ask(port, { name });
  expect(answer).toEqual({ code: 200, type: 'text/plain', text: policyOf(of) });
  expect(answers).toEqual([200]);
});

it('takes a Host with a port for the host', async () => {
  const { port } = await start();
  expect((await ask(port, { host: `mta-sts.one.test:${port}` })).code).toBe(200);
});

it.each<[string, Asked, number]>([
  ['the policy of another host on this connection', { host: 'mta-sts.two.test' }, 421],
  ['a host that is none of ours', { host: 'evil.test' }, 421],
  ['anything else', { path: '/' }, 404],
  ['a policy that is to be written', { method: 'PUT' }, 404],
])('refuses %s', async (_what, asked, code) => {
  const { port } = await start();
  const answer = await ask(port, asked);
  expect(answer.code).toBe(code);
  expect(answer.text).not.toContain('STSv1');
});

it.each<[string, string | undefined]>([
  ['for a host that is none of ours', 'mta-sts.three.test'],
  ['for the domain itself', 'one.test'],
  ['without a name', undefined],
])('fails the handshake %s', async (_what, servername) => {
  const { port } = await start();
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  await expect(once(socket, 'secureConnect')).rejects.toThrow();
  socket.destroy();
});

it('has another policy, and another certificate, from the next request on', async () => {
  const { web, port, config } = await start();
  const policy = policyOf('other');
  const renewed = authority.issue(['mta-sts.one.test']);
  const next = { ...domain('one'), mtaSts: { policy, certificate: 'new/crt', key: 'new/key' } };
  await web.load(
    config({ domains: [next], secrets: { ...secrets, 'new/crt': renewed.crt, 'new/key': renewed.key } }),
  );
  expect((await ask(port)).text).toBe(policy);
  await expect(ask(port, { name: 'mta-sts.two.test' })).rejects.toThrow();
});

it('is closed where the config has no web port any more, and opened again', async () => {
  const { web, port, config } = await start();
  const { web: _, ...closed } = config();
  await web.load(closed);
  await expect(ask(port)).rejects.toThrow(/ECONNREFUSED/);
  await web.load(config());
  expect((await ask(port)).code).toBe(200);
});

it('stays as it was where it can not be bound', async () => {
  const { web, port, config } = await start([domain('two')]);
  await expect(web.load(config({ web: { address: '192.0.2.1', port } }))).rejects.toThrow(
    /for the web port is at no address of this machine/,
  );
  expect((await ask(port, { name: 'mta-sts.two.test' })).code).toBe(200);
});

it('cuts connections when it is stopped', async () => {
  const { web, port } = await start();
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'mta-sts.one.test',
    ca: authority.certificate,
  });
  await once(socket, 'secureConnect');
  const closed = once(socket, 'close');
  socket.resume();
  await web.stop();
  await closed;
});

it('takes TLS reports at a Policy Host, of any domain that asks for them (RFC 8460 §5.4)', async () => {
  const { port, counted, answers } = await start();
  const post = { path: '/tls-reports', method: 'POST', type: 'application/tlsrpt+gzip' };
  const body = gzipped(googleReport());
  expect(await ask(port, { ...post, body })).toEqual({
    ...{ code: 201, type: 'text/plain; charset=utf-8', text: 'it was counted\n' },
  });
  expect((await ask(port, { ...post, body, type: 'application/json', name: 'mta-sts.two.test' })).code).toBe(
    200,
  );
  expect((await ask(port, { ...post, body: body.subarray(0, 40) })).code).toBe(400);
  expect((await ask(port, { ...post, body, type: 'text/plain' })).code).toBe(415);
  expect((await ask(port, { path: post.path })).code).toBe(405);
  expect((await ask(port, { ...post, body, host: 'mta-sts.two.test' })).code).toBe(421);
  expect(counted.filter((what) => what.startsWith('received'))).toEqual([
    ...['received https counted', 'received https duplicate', 'received https invalid'],
  ]);
  expect(answers).toEqual([201, 200, 400, 415, 405, 421]);
});

it('reads no more of a report than one may have', async () => {
  const { port, answers } = await start();
  const MiB = 1024 * 1024;
  const socket = connect({
    ...{ port, host: '127.0.0.1', servername: 'mta-sts.one.test', ca: authority.certificate },
  });
  await once(socket, 'secureConnect');
  // Whoever still sends when it is answered may see the connection break.
  socket.on('error', () => {});
  let isClosed = false;
  const closed = new Promise<void>((resolve) => socket.once('close', resolve)).then(() => {
    isClosed = true;
  });
  socket.resume();
  socket.write(
    `POST /tls-reports HTTP/1.1\r\nHost: mta-sts.one.test\r\nContent-Type: application/tlsrpt+json\r\nContent-Length: ${100 * MiB}\r\n\r\n`,
  );
  const blank = Buffer.alloc(MiB / 4, ' ');
  for (let n = 0; n < 400 && !isClosed; n += 1) {
    await Promise.race([closed, new Promise<unknown>((resolve) => socket.write(blank, resolve))]);
  }
  await closed;
  expect(answers).toEqual([413]);
  // What a report may be of, and what buffers of the two sockets hold besides.
  expect(socket.bytesWritten).toBeGreaterThan(10 * MiB);
  expect(socket.bytesWritten).toBeLessThan(25 * MiB);
});

it('shows a certificate that OpenSSL will not have to nobody, and says so once', async () => {
  const { web, port, config, defects } = await start([domain('one')]);
  await web.load(config({ secrets: { ...secrets, 'one/key': two.key } }));
  for (const _ of [1, 2]) await expect(ask(port)).rejects.toThrow();
  expect(defects).toHaveLength(1);
  await web.load(config());
  expect((await ask(port)).code).toBe(200);
});

it('ends a connection after some requests, and one that reads no answers', async () => {
  const { port } = await start();
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'mta-sts.one.test',
    ca: authority.certificate,
  });
  await once(socket, 'secureConnect');
  const get = 'GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.one.test\r\n\r\n';
  socket.write(get.repeat(200));
  const text = (await socket.toArray()).join('');
  expect(text.match(/^HTTP\/1\.1 200/gm)?.length).toBeLessThanOrEqual(11);
});

it('takes so many connections of one address at a time', async () => {
  const { port } = await start();
  const closed: unknown[] = [];
  const all = Array.from({ length: 120 }, () => {
    const socket = connectPlain({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.once('close', () => closed.push(socket));
    return socket;
  });
  await waitFor('those beyond to be closed', () => closed.length === 20);
  for (const socket of all) socket.destroy();
  await waitFor('room', async () => (await ask(port).catch(() => undefined))?.code === 200);
});
