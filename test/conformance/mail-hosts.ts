/**
 * Domains in a DNS of their own, and their mail hosts on addresses of loopback, all at one port: what a relay looks up and connects to as it
 * does in the world. Stopped by `stopMailHosts`.
 */
import type { Answer } from 'dns-packet';
import { systemClock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { type Peer, type Script, startPeer } from '../../mta/deliver/testing/peer.ts';
import { systemRandom } from '../../mta/random.ts';
import { compileHops, resolveHops } from '../../mta/route/hops.ts';
import { createResolver } from '../../mta/route/resolver.ts';
import { testConfig, testPolicy } from '../../mta/route/testing/config.ts';
import { type Query, RCODE, type Said, startDnsServer } from '../../mta/route/testing/dns-server.ts';
import type { Destination, NextHop } from '../../mta/route/types.ts';

export interface MailHosts {
  hops(destination: Destination): Promise<readonly NextHop[]>;
  /** What was asked: `MX peer.test`. */
  asked(): string[];
  /** By address. */
  readonly at: Readonly<Record<string, Peer>>;
}

export interface MailHostsOptions {
  readonly records: readonly Answer[];
  /** Scripts by address; where there is none nobody listens. */
  readonly hosts?: Readonly<Record<string, Script>>;
  readonly families?: MtaConfig['delivery']['addressFamilies'];
}

const running: (() => Promise<void>)[] = [];

export async function startMailHosts({
  records,
  hosts = {},
  families = ['ipv6', 'ipv4'],
}: MailHostsOptions): Promise<MailHosts> {
  const at: Record<string, Peer> = {};
  // Nobody listens at this one's address: it keeps the port for all.
  const keeper = await startPeer({}, { address: '127.0.0.99' });
  for (const [address, script] of Object.entries(hosts)) {
    at[address] = await startPeer(script, { address, port: keeper.port });
  }
  const dns = await startDnsServer((query) => [answerTo(query, records)]);
  running.push(async () => {
    await dns.close();
    await Promise.all([keeper, ...Object.values(at)].map((peer) => peer.close()));
  });
  const { delivery } = testConfig();
  const config = testConfig({
    delivery: { ...delivery, mxPort: keeper.port, addressFamilies: [...families] },
    egress: { allow: ['127.0.0.0/8', '::1/128'] },
    tlsPolicies: [testPolicy({ name: 'default', mode: 'none' })],
  });
  const resolver = createResolver({
    ...{ servers: [dns.server], timeoutMs: 2000, clock: systemClock, random: systemRandom },
  });
  const context = compileHops(config, {
    ...{ resolver, hosts: new Map(), random: systemRandom, interfaces: [] },
  });
  return {
    hops: (destination) => resolveHops(destination, context),
    asked: () => dns.queries.map(({ type, name }) => `${type} ${name}`).sort(),
    at,
  };
}

/** For afterEach. */
export async function stopMailHosts(): Promise<void> {
  await Promise.all(running.splice(0).map((stop) => stop()));
}

function answerTo({ name, type }: Query, records: readonly Answer[]): Said {
  const known = records.filter((record) => record.name === name);
  return known.length === 0
    ? { rcode: RCODE.NXDOMAIN }
    : { answers: known.filter((record) => record.type === type || record.type === 'CNAME') };
}
