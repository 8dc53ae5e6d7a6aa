/**
 * Domains in a DNS of their own, and their mail hosts on addresses of loopback, all at one port: what a relay looks up and connects to as it
 * does in the world. Stopped by `stopMailHosts`.
 */
import type { Answer } from 'dns-packet';
import { systemClock } from '../../mta/clock.ts';
import type { MtaConfig, TlsPolicy } from '../../mta/config.ts';
import { type Peer, type Script, startPeer } from '../../mta/deliver/testing/peer.ts';
import { systemRandom } from '../../mta/random.ts';
import { compileHops, resolveHops } from '../../mta/route/hops.ts';
import { createResolver } from '../../mta/route/resolver.ts';
import { testConfig, testPolicy } from '../../mta/route/testing/config.ts';
import { type Query, RCODE, type Said, startDnsServer } from '../../mta/route/testing/dns-server.ts';
import type { NextHop, OutwardDestination } from '../../mta/route/types.ts';

export interface MailHosts {
  /** That all of them have. */
  readonly port: number;
  hops(destination: OutwardDestination): Promise<readonly NextHop[]>;
  /** What was asked: `MX peer.test`. */
  asked(): string[];
  /** By address. */
  readonly at: Readonly<Record<string, Peer>>;
}

export interface MailHostsOptions {
  /** `PORT` in a name is the port of the hosts. */
  readonly records: readonly Answer[];
  /** Scripts by address; where there is none nobody listens. */
  readonly hosts?: Readonly<Record<string, Script>>;
  readonly families?: MtaConfig['delivery']['addressFamilies'];
  /** Of TLS: none where absent. */
  readonly mode?: TlsPolicy['mode'];
  /** The resolver is trusted, and takes all names for signed but these. */
  readonly signedBut?: readonly string[];
  /** Questions, such as `MX peer.test`, that are answered SERVFAIL. */
  readonly failing?: readonly string[];
}

const running: (() => Promise<void>)[] = [];

export async function startMailHosts({
  records,
  hosts = {},
  families = ['ipv6', 'ipv4'],
  mode = 'none',
  signedBut,
  failing = [],
}: MailHostsOptions): Promise<MailHosts> {
  const at: Record<string, Peer> = {};
  // Nobody listens at this one's address: it keeps the port for all.
  const keeper = await startPeer({}, { address: '127.0.0.99' });
  for (const [address, script] of Object.entries(hosts)) {
    at[address] = await startPeer(script, { address, port: keeper.port });
  }
  const all = records.map((record) => ({
    ...record,
    name: record.name.replace('PORT', String(keeper.port)),
  }));
  const dns = await startDnsServer((query) => [
    failing.some((each) => `${query.type} ${query.name}`.startsWith(each))
      ? { rcode: RCODE.SERVFAIL }
      : {
          ...answerTo(query, all),
          authenticated: signedBut !== undefined && !signedBut.includes(query.name),
        },
  ]);
  running.push(async () => {
    await dns.close();
    await Promise.all([keeper, ...Object.values(at)].map((peer) => peer.close()));
  });
  const { delivery } = testConfig();
  const config = testConfig({
    delivery: { ...delivery, mxPort: keeper.port, addressFamilies: [...families] },
    egress: { allow: ['127.0.0.0/8', '::1/128'] },
    tlsPolicies: [testPolicy({ name: 'default', mode })],
  });
  const resolver = createResolver({
    ...{ servers: [dns.server], timeoutMs: 2000, clock: systemClock, random: systemRandom },
    validates: signedBut !== undefined,
  });
  const context = compileHops(config, {
    ...{ resolver, hosts: new Map(), random: systemRandom, interfaces: [] },
    sts: { policyOf: async () => undefined },
  });
  return {
    hops: (destination) => resolveHops(destination, context),
    port: keeper.port,
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
