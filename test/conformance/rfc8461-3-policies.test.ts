/** RFC 8461 §3: how the policy of a domain is found, fetched and kept, over real DNS packets and real HTTPS. */
import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../mta/clock.ts';
import { a, cname } from '../../mta/route/testing/dns-server.ts';
import { waitFor } from '../support/wait.ts';
import { identityOf, trust } from './mta-sts/certificates.ts';
import { type PolicyHost, startListener, startPolicyHost, text } from './mta-sts/policy-host.ts';
import { POLICY_HOSTS, type PolicyHostCase } from './mta-sts/table.ts';
import {
  DOMAIN,
  POLICY_HOST,
  policyText,
  record,
  type StsWorld,
  startStsWorld,
  stopStsWorlds,
  txt,
} from './mta-sts/world.ts';

beforeAll(trust);

const started: Pick<PolicyHost, 'close'>[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.close()));
  await stopStsWorlds();
});

/** What a Policy Host may take, a minute and ten seconds, is a fraction of that here; the volume has all its time. */
const FAST: Clock = {
  ...systemClock,
  after: (ms, callback) => systemClock.after(ms >= 10_000 ? ms / 60 : ms, callback),
};
const NAME = `mta-sts.${DOMAIN}`;
const GOOD = policyText('enforce', `mx1.${DOMAIN}`);
const POLICY = { mode: 'enforce', maxAge: 604_800, mx: [`mx1.${DOMAIN}`] };

const plain = { 'content-type': 'text/plain' };
const says =
  (status: number, headers: Record<string, string>, body: string | Buffer = GOOD): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(body);

const STATUSES = [204, 206, 301, 302, 303, 304, 307, 308, 404, 500];
/** Where a redirect leads to there is a policy. */
const withStatus =
  (status: number): RequestListener =>
  (request, response) =>
    says(request.url === '/there' ? 200 : status, { ...plain, location: '/there' })(request, response);

const ANSWERS: Readonly<Record<string, RequestListener>> = {
  good: text(GOOD),
  secondAddress: text(GOOD),
  inside: text(GOOD),
  noAddress: text(GOOD),
  chunked(_request, response) {
    response.writeHead(200, plain);
    for (const line of GOOD.split(/(?<=\n)/)) response.write(line);
    response.end();
  },
  ...Object.fromEntries(STATUSES.map((status) => [String(status), withStatus(status)])),
  html: says(200, { 'content-type': 'text/html' }),
  noType: says(200, {}),
  gzip: says(200, { ...plain, 'content-encoding': 'gzip' }, gzipSync(GOOD)),
  large: text(`${GOOD}x: ${'y'.repeat(65_536)}\r\n`),
  largeChunks(_request, response) {
    response.writeHead(200, plain).write(GOOD);
    const more = (): void => void response.write(`x: ${'y'.repeat(1000)}\r\n`, (error) => error ?? more());
    more();
  },
  drip(_request, response) {
    response.writeHead(200, plain);
    const timer = setInterval(() => response.write('\n'), 20);
    response.on('close', () => clearInterval(timer));
  },
  stalls: (_request, response) => void response.writeHead(200, plain).write(GOOD),
  silent: () => {},
  cut: (_request, response) => {
    response.writeHead(200, { ...plain, 'content-length': '1000' }).write(GOOD, () => response.destroy());
  },
  noHttp: (request) => void request.socket.end('this is not HTTP\r\n\r\n'),
  garbage: text('\x7fELF\x02\x01\x01 and so on'),
  empty: text(''),
  noMx: text(policyText('enforce')),
  otherVersion: text(GOOD.replace('STSv1', 'STSv2')),
};

/** What is at the Policy Host's address where that is no HTTPS server. */
const LISTENERS: Readonly<Record<string, Parameters<typeof startListener>[1]>> = {
  deaf: () => {},
  closes: (socket) => socket.destroy(),
  plain: (socket) => void socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n${GOOD}`),
};

async function serve(
  { policyPort }: StsWorld,
  { kind, shows = 'good' }: Pick<PolicyHostCase, 'kind' | 'shows'>,
) {
  const at = { address: POLICY_HOST, port: policyPort };
  const listener = LISTENERS[kind];
  if (listener !== undefined) started.push(await startListener(at, listener));
  if (ANSWERS[kind] === undefined) return undefined;
  const host = await startPolicyHost(at, identityOf(NAME, shows));
  host.answer = ANSWERS[kind];
  started.push(host);
  return host;
}

/** Fetches it well once, so that it is on the volume. */
async function kept(world: StsWorld): Promise<void> {
  await serve(world, { kind: 'good' });
  expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
  await started.pop()!.close();
  world.fetches.splice(0);
}

function prepare(world: StsWorld, kind: string): void {
  const others = world.records.filter(({ name }) => name !== NAME);
  if (kind === 'secondAddress')
    world.records = [...others, a(NAME, '127.0.0.44', 0), a(NAME, POLICY_HOST, 0)];
  if (kind === 'noAddress') world.records = others;
}

const rows = POLICY_HOSTS.map((row) => [row.what, row] as const);

describe('RFC 8461 §3.3: a fetch', () => {
  it.each([...rows])('has a policy or has none, once, from a Policy Host that %s', async (_what, row) => {
    const world = await startStsWorld({ clock: FAST, ...(row.kind === 'inside' && { allow: [] }) });
    const host = await serve(world, row);
    prepare(world, row.kind);
    const policies = world.worker();
    const found = await policies.policyOf(DOMAIN);
    expect(found).toEqual(row.fault === 'none' ? POLICY : undefined);
    expect(world.fetches).toEqual([row.fault === 'none' ? 'ok' : row.fault]);
    expect(await policies.policyOf(DOMAIN)).toEqual(found);
    // Neither is a policy fetched twice that was had, nor is one that was not had asked for again at once.
    expect(world.fetches).toHaveLength(1);
    for (const request of host?.requests ?? []) {
      expect(request).toEqual({ line: 'GET /.well-known/mta-sts.txt', host: NAME, serverName: NAME });
    }
  });

  it.each([...rows])(
    'because of another id leaves what is cached where it fails, with a Policy Host that %s',
    async (_what, row) => {
      const world = await startStsWorld({ clock: FAST });
      if (row.kind === 'inside') return;
      await kept(world);
      await serve(world, row);
      prepare(world, row.kind);
      world.records = [...world.records.filter(({ name }) => name !== `_mta-sts.${DOMAIN}`), record('2')];
      expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
      expect(world.fetches).toEqual([row.fault === 'none' ? 'ok' : row.fault]);
      expect(world.warnings).toHaveLength(row.fault === 'none' ? 0 : 1);
    },
  );
});

describe('RFC 8461 §3.1: the TXT record', () => {
  it('is asked for at _mta-sts of the domain, and not of the one above it', async () => {
    const world = await startStsWorld();
    expect(await world.worker().policyOf(`mail.${DOMAIN}`)).toBeUndefined();
    expect(world.asked()).toEqual([`TXT _mta-sts.mail.${DOMAIN}`]);
    expect(world.fetches).toEqual([]);
  });

  it('may be of several strings, and beside others', async () => {
    const world = await startStsWorld();
    await serve(world, { kind: 'good' });
    world.records[0] = txt(`_mta-sts.${DOMAIN}`, 'v=STSv1', '; id=', '1;');
    world.records.push(txt(`_mta-sts.${DOMAIN}`, 'v=spf1 -all'));
    expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
  });

  it('may be at the end of aliases, and the policy is still of the domain', async () => {
    const world = await startStsWorld();
    const host = await serve(world, { kind: 'good' });
    world.records[0] = cname(`_mta-sts.${DOMAIN}`, '_mta-sts.provider.test', 0);
    world.records.push(
      cname('_mta-sts.provider.test', 'sts.provider.test', 0),
      txt('sts.provider.test', 'v=STSv1; id=1'),
    );
    expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
    expect(host?.requests[0]?.host).toBe(NAME);
  });

  it('that is there twice, or malformed, is as if there were none', async () => {
    const world = await startStsWorld();
    await serve(world, { kind: 'good' });
    world.records.push(record('2'));
    expect(await world.worker().policyOf(DOMAIN)).toBeUndefined();
    world.records = [txt(`_mta-sts.${DOMAIN}`, 'v=STSv1; id=;'), ...world.records.slice(1, -1)];
    expect(await world.worker().policyOf(DOMAIN)).toBeUndefined();
    expect(world.fetches).toEqual([]);
  });

  it('that is gone, or that nobody can say anything of, takes no policy away that is cached', async () => {
    const world = await startStsWorld();
    await kept(world);
    world.records = world.records.slice(1);
    expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
    world.records.unshift({ ...cname(`_mta-sts.${DOMAIN}`, `_mta-sts.${DOMAIN}`, 0) });
    expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
    expect(world.fetches).toEqual([]);
  });
});

describe('RFC 8461 §3.3: a policy that is cached', () => {
  it('is over when its max_age is, and then there is none where it can not be fetched', async () => {
    let ahead = 0;
    const world = await startStsWorld({ clock: { ...FAST, now: () => systemClock.now() + ahead } });
    await kept(world);
    ahead = 604_800_000 - 60_000;
    expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
    ahead = 604_800_000 + 60_000;
    expect(await world.worker().policyOf(DOMAIN)).toBeUndefined();
  });

  it('is refreshed long before, and then counts from the last fetch on', async () => {
    let ahead = 0;
    const world = await startStsWorld({ clock: { ...FAST, now: () => systemClock.now() + ahead } });
    await kept(world);
    await serve(world, { kind: 'good' });
    ahead = 6 * 86_400_000;
    await world.worker().sweep();
    expect(world.fetches).toEqual(['ok']);
    ahead = 12 * 86_400_000;
    expect(await world.worker().policyOf(DOMAIN)).toEqual(POLICY);
    await waitFor('a refresh beside the mail', () => world.fetches.length === 2);
  });
});
