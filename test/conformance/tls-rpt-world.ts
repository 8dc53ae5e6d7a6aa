/**
 * Two days of the whole mta as processes: on the first it sends mail to hosts of every kind, on the other its reports of that day arrive, by mail
 * at the host of `reports.test`, and by HTTPS at a collector. Domains are in a DNS of their own, hosts on addresses of loopback.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Answer } from 'dns-packet';
import { systemClock } from '../../mta/clock.ts';
import { peerCertificate, peerKey } from '../../mta/deliver/testing/certificate.ts';
import { type Peer, type Script, startPeer } from '../../mta/deliver/testing/peer.ts';
import { nodeDisk } from '../../mta/queue/disk.ts';
import { systemRandom } from '../../mta/random.ts';
import { policiesPath } from '../../mta/route/sts/open.ts';
import { StsStore } from '../../mta/route/sts/store.ts';
import { RCODE, startDnsServer, type TestDnsServer } from '../../mta/route/testing/dns-server.ts';
import { DAY_MS, dayOf, startOf } from '../../mta/tls-rpt/report.ts';
import { DELIVERY } from '../support/config.ts';
import { type Mta, ROOT, startMta } from '../support/mta.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';
import { startPolicyHost } from './mta-sts/policy-host.ts';

const STARTTLS: Script = { answers: { EHLO: '250-peer.test\r\n250-PIPELINING\r\n250 STARTTLS' } };
/** Mail hosts by domain; none of them shows a certificate that anybody trusts. */
export const HOSTS: Readonly<Record<string, { readonly address: string; readonly script: Script }>> = {
  'good.test': { address: '127.0.0.71', script: STARTTLS },
  'clear.test': { address: '127.0.0.72', script: {} },
  'broken.test': { address: '127.0.0.73', script: { ...STARTTLS, tls: 'garbage' } },
  'tested.test': { address: '127.0.0.74', script: STARTTLS },
  'unasked.test': { address: '127.0.0.75', script: STARTTLS },
  'reports.test': { address: '127.0.0.76', script: STARTTLS },
};
/** Reports go to port 443 of public addresses alone: connections to this one lead to a port of the other. */
const COLLECTOR = { seen: '192.0.2.77', address: '127.0.0.77' };
const KEEPER = '127.0.0.78';
/** Those that ask for reports, and that mail went to on the first day. */
export const REPORTED = ['broken.test', 'clear.test', 'good.test', 'tested.test'];

export interface Posted {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TlsRptWorld {
  /** The first day. */
  readonly day: string;
  readonly mta: Mta;
  readonly dns: TestDnsServer;
  /** By domain. */
  readonly peers: ReadonlyMap<string, Peer>;
  /** Requests at the collector. */
  readonly posted: readonly Posted[];
  /** Messages at the host of `reports.test`, as they came. */
  mailed(): readonly Buffer[];
  /** A message to each, of which one is there before the next is sent. */
  send(...domains: string[]): Promise<void>;
  /** Resolves when the mta has answered for a message that need not arrive. */
  submit(to: string): Promise<void>;
  close(): Promise<void>;
}

/** Resolves when all reports of the first day are there. */
export async function startTlsRptWorld(): Promise<TlsRptWorld> {
  const noon = startOf(dayOf(Date.now())) - 2 * DAY_MS + DAY_MS / 2;
  const keeper = await startPeer({}, { address: KEEPER });
  const peers = new Map<string, Peer>();
  for (const [domain, { address, script }] of Object.entries(HOSTS)) {
    peers.set(domain, await startPeer(script, { address, port: keeper.port }));
  }
  const posted: Posted[] = [];
  const identity = { key: peerKey, certificate: peerCertificate };
  const collector = await startPolicyHost({ address: COLLECTOR.address, port: 0 }, identity);
  collector.answer = async (request, response) => {
    const line = `${request.method} ${request.url}`;
    posted.push({ line, headers: request.headers, body: await buffer(request) });
    response.writeHead(201).end();
  };
  const records = zone();
  const dns = await startDnsServer(({ name, type }) => {
    const known = records.filter((record) => record.name === name);
    if (known.length === 0) return [{ rcode: RCODE.NXDOMAIN }];
    return [{ answers: known.filter((record) => record.type === type) }];
  });
  const env = {
    NODE_OPTIONS: ['shifted-clock', 'redirected']
      .map((name) => `--import=${join(ROOT, `test/support/${name}.ts`)}`)
      .join(' '),
    SHIFTED_MS: String(noon - Date.now()),
    REDIRECTED: `${COLLECTOR.seen} ${COLLECTOR.address} ${collector.port}`,
  };
  const mta = await startMta({
    env,
    config: (folder) => ({
      delivery: { ...DELIVERY, mxPort: keeper.port, addressFamilies: ['ipv4'], defaultTls: 'sts' },
      resolver: { servers: [`${dns.server.address}:${dns.server.port}`], timeoutSeconds: 5 },
      tlsPolicies: [
        { name: 'sts', mode: 'mtaSts', fallbackToClear: true, minVersion: 'TLSv1.2', destinations: [] },
      ],
      drainSeconds: 1,
      tlsReports: { organization: 'Ours', contact: 'tls-reports@ours.test' },
      queue: {
        ...{ mode: 'Shared', path: join(folder, 'queue'), initialize: true, leaseTermSeconds: 10 },
        ...{ inlineBodyBytes: 256 * 1024, segmentBytes: 64 * 1024 * 1024, minFreeBytes: 64 * 1024 * 1024 },
      },
    }),
  });
  await putPolicies(mta.config.queue.path, noon);

  const transact = async (client: SmtpClient, to: string): Promise<void> => {
    for (const line of ['MAIL FROM:<a@ours.test>', `RCPT TO:<${to}>`, 'DATA']) await client.command(line);
    client.socket.write(`From: <a@ours.test>\r\nTo: <${to}>\r\n\r\nhello\r\n.\r\n`);
    const { code, text } = await client.reply();
    if (code !== 250) throw new Error(text);
  };
  // What comes on one connection is one worker's, whose connections it shares.
  const connected = async (work: (client: SmtpClient) => Promise<void>): Promise<void> => {
    const { client } = await SmtpClient.connect(mta.ports.smtp);
    await client.command('EHLO client.test');
    await work(client).finally(() => client.socket.destroy());
  };
  const submit = (to: string) => connected((client) => transact(client, to));
  const send = (...domains: string[]) =>
    connected(async (client) => {
      for (const domain of domains) {
        const before = peers.get(domain)!.contents.length;
        await transact(client, `b@${domain}`);
        await waitFor(`mail at ${domain}`, () => peers.get(domain)!.contents.length > before);
      }
    });
  const mailed = (): readonly Buffer[] => peers.get('reports.test')!.contents;

  // Three messages on one connection are one session.
  await send('good.test', 'good.test', 'good.test');
  await send('clear.test', 'broken.test', 'tested.test', 'unasked.test');
  await mta.stop();
  env.SHIFTED_MS = '0';
  await mta.restart();
  const all = REPORTED.length;
  await waitFor('all reports', () => mailed().length >= all && posted.length >= all, { timeoutMs: 30_000 });
  return {
    ...{ day: dayOf(noon), mta, dns, peers, posted, mailed, send, submit },
    async close() {
      if (mta.running.ended() === undefined) await mta.stop();
      await Promise.all([dns.close(), collector.close(), keeper.close()]);
      await Promise.all([...peers.values()].map((peer) => peer.close()));
    },
  };
}

function zone(): Answer[] {
  const uris = ['mailto:tls@reports.test', 'https://collector.test/v1/tlsrpt'];
  return [
    { type: 'A', name: 'collector.test', ttl: 60, data: COLLECTOR.seen },
    ...['reports.test', 'tested.test'].map(
      (domain): Answer => ({ type: 'TXT', name: `_mta-sts.${domain}`, ttl: 60, data: 'v=STSv1; id=a;' }),
    ),
    ...Object.entries(HOSTS).flatMap(([domain, { address }]): Answer[] => [
      { type: 'MX', name: domain, ttl: 60, data: { preference: 10, exchange: `mx.${domain}` } },
      { type: 'A', name: `mx.${domain}`, ttl: 60, data: address },
    ]),
    ...REPORTED.concat('reports.test').map(
      (domain): Answer => ({
        ...{ type: 'TXT', name: `_smtp._tls.${domain}`, ttl: 60 },
        data: ['v=TLSRPTv1; x=y; ', `rua=${uris.join(',')};`],
      }),
    ),
  ];
}

/** As they would have been fetched, which takes port 443. */
async function putPolicies(queuePath: string, fetchedAt: number): Promise<void> {
  const store = new StsStore({
    ...{ path: policiesPath(queuePath), disk: nodeDisk, clock: systemClock, random: systemRandom },
    onError(error) {
      throw error;
    },
  });
  const modes = { 'tested.test': 'testing', 'reports.test': 'enforce' } as const;
  for (const [domain, mode] of Object.entries(modes)) {
    const policy = { mode, maxAge: 864_000, mx: [`mx.${domain}`] };
    await store.write({ domain, id: 'a', fetchedAt, usedAt: fetchedAt, policy });
  }
}
