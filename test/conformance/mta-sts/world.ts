/**
 * `d.test` with its DNS, its Policy Host and its mail hosts on loopback, and workers that look for its policy as they do in the
 * world. Stopped by `stopStsWorlds`.
 */
import type { Answer } from 'dns-packet';
import { type Clock, systemClock } from '../../../mta/clock.ts';
import type { TlsPolicy } from '../../../mta/config.ts';
import { type Peer, type Script, startPeer } from '../../../mta/deliver/testing/peer.ts';
import { nodeDisk } from '../../../mta/queue/disk.ts';
import { systemRandom } from '../../../mta/random.ts';
import { compileHops, type HopContext, resolveHops } from '../../../mta/route/hops.ts';
import { createResolver } from '../../../mta/route/resolver.ts';
import { openPolicies } from '../../../mta/route/sts/open.ts';
import type { FetchEvent, KeptPolicies } from '../../../mta/route/sts/policies.ts';
import { testConfig, testPolicy } from '../../../mta/route/testing/config.ts';
import {
  a,
  mx,
  type Query,
  RCODE,
  type Said,
  startDnsServer,
} from '../../../mta/route/testing/dns-server.ts';
import type { NextHop, OutwardDestination } from '../../../mta/route/types.ts';
import { temporaryFolder } from '../../support/folders.ts';

export const DOMAIN = 'd.test';
/** Where mail hosts are, in their order; `mx1.d.test` and so on. */
export const HOSTS = ['127.0.0.41', '127.0.0.42'] as const;
export const POLICY_HOST = '127.0.0.43';

export const txt = (name: string, ...strings: string[]): Answer => ({
  type: 'TXT',
  name,
  data: strings,
  ttl: 0,
});
export const record = (id: string): Answer => txt(`_mta-sts.${DOMAIN}`, `v=STSv1; id=${id};`);
export const policyText = (mode: string, ...hosts: string[]): string =>
  ['version: STSv1', `mode: ${mode}`, ...hosts.map((host) => `mx: ${host}`), 'max_age: 604800', ''].join(
    '\r\n',
  );

export interface StsWorld {
  /** In force from the next question on. */
  records: Answer[];
  /** Of the Policy Host and of mail hosts. */
  readonly policyPort: number;
  readonly peers: readonly Peer[];
  readonly fetches: FetchEvent['result'][];
  readonly warnings: object[];
  readonly asked: () => readonly string[];
  hops(destination: OutwardDestination): Promise<readonly NextHop[]>;
  /** Another worker that sees the same volume, with nothing in its memory. */
  worker(): KeptPolicies;
}

export interface StsOptions {
  readonly hosts?: readonly Script[];
  readonly tls?: Partial<TlsPolicy>;
  /** That fetches are timed by. */
  readonly clock?: Clock;
  readonly allow?: readonly string[];
}

const running: (() => Promise<void>)[] = [];

export async function startStsWorld({
  hosts = [],
  tls = {},
  clock = systemClock,
  allow = ['127.0.0.0/8'],
}: StsOptions = {}): Promise<StsWorld> {
  // Nobody is asked for anything at this address: these keep the ports for all.
  const keepers = [
    await startPeer({}, { address: '127.0.0.99' }),
    await startPeer({}, { address: '127.0.0.99' }),
  ];
  const [mxPort, policyPort] = keepers.map(({ port }) => port) as [number, number];
  const peers = await Promise.all(
    hosts.map((script, index) => startPeer(script, { address: HOSTS[index]!, port: mxPort })),
  );
  const fetches: FetchEvent['result'][] = [];
  const warnings: object[] = [];
  const queuePath = `${temporaryFolder('sts')}/queue`;
  const dns = await startDnsServer((query) => [answerTo(query, world.records)]);
  running.push(async () => {
    await dns.close();
    await Promise.all([...keepers, ...peers].map((peer) => peer.close()));
  });
  const { delivery } = testConfig();
  const config = testConfig({
    delivery: { ...delivery, mxPort, addressFamilies: ['ipv4'] },
    egress: { allow: [...allow] },
    tlsPolicies: [testPolicy({ name: 'default', mode: 'mtaSts', ...tls })],
  });
  const resolver = createResolver({
    ...{ servers: [dns.server], timeoutMs: 5000, clock: systemClock, random: systemRandom },
  });
  let context: HopContext | undefined;
  const worker = () =>
    openPolicies({
      ...{ queuePath, disk: nodeDisk, clock, random: systemRandom, port: policyPort },
      context: () => context!,
      log: { info: () => {}, warn: (fields) => void warnings.push(fields) },
      onFetch: ({ result }) => void fetches.push(result),
    });
  context = compileHops(config, {
    ...{ resolver, hosts: new Map(), random: systemRandom, interfaces: [], sts: worker() },
  });
  const world: StsWorld = {
    records: [
      record('1'),
      a(`mta-sts.${DOMAIN}`, POLICY_HOST, 0),
      ...HOSTS.map((_, index) => mx(DOMAIN, index, `mx${index + 1}.${DOMAIN}`, 0)),
      ...HOSTS.map((address, index) => a(`mx${index + 1}.${DOMAIN}`, address, 0)),
    ],
    ...{ policyPort, peers, fetches, warnings, worker },
    asked: () => dns.queries.map(({ type, name }) => `${type} ${name}`),
    hops: (destination) => resolveHops(destination, context),
  };
  return world;
}

/** For afterEach. */
export async function stopStsWorlds(): Promise<void> {
  await Promise.all(running.splice(0).map((stop) => stop()));
}

function answerTo({ name, type }: Query, records: readonly Answer[]): Said {
  const known = records.filter((each) => each.name === name);
  if (known.length === 0) return { rcode: RCODE.NXDOMAIN };
  return { answers: known.filter((each) => each.type === type || each.type === 'CNAME') };
}
