/**
 * DANE over a tree of zones with real signatures, and without: nsd serves them, unbound validates, servers show what they are to show.
 * Each case goes through the mta by the modes `DANE` and `Opportunistic`, and through Postfix by `dane-only` and `dane`: what both make of it
 * is told by the wire, and has to be the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testPolicy } from '../../mta/route/testing/config.ts';
import { DELIVERY } from '../support/config.ts';
import { describeWith } from '../support/debian.ts';
import { type Dns, startServers } from '../support/dns.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { signZones } from '../support/signed-zones.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';
import { daneCases } from './dane-cases.ts';
import type { Case, DaneTree, Expected } from './dane-tree.ts';

/** Where the resolver listens on port 53, as a resolv.conf has no place for another: an address that no other run has. */
const RESOLVER = `127.1.${(process.pid >> 8) & 255}.${process.pid & 255 || 1}`;

interface Result {
  /** By what came over the wire: `waits` where nothing did. */
  readonly wire: 'tls' | 'clear' | 'waits';
  /** Why it waits, as its sender says. */
  readonly why: string;
}

interface Sender {
  readonly name: string;
  readonly port: number;
  /** The reply or reason of the first attempt for a recipient; undefined while there was none. */
  attempted(to: string): string | undefined;
  stop(): Promise<void>;
}

const NEEDS = ['root', 'postfix', 'nsd', 'unbound', 'ldns-signzone', 'openssl', 'unshare'];

describeWith(NEEDS, 'DANE', () => {
  let tree: DaneTree;
  let dns: Dns;
  const senders: Sender[] = [];
  const results = new Map<string, Result>();

  beforeAll(async () => {
    tree = await daneCases();
    const folder = temporaryFolder('signed');
    const anchor = await signZones(folder, tree.zones);
    const names = ['test', ...Object.keys(tree.zones)];
    dns = await startServers(folder, names, { anchor, address: RESOLVER, lame: tree.lameZones });
    senders.push(
      await ours('mandatory', 'dane'),
      await postfixes('mandatory', 'dane-only'),
      await ours('opportunistic', 'opportunistic'),
      await postfixes('opportunistic', 'dane'),
    );
    await Promise.all(senders.map((sender) => sendAll(sender)));
  }, 180_000);
  afterAll(async () => {
    console.info(table());
    await Promise.all(senders.map((sender) => sender.stop()));
    await dns?.stop();
    await tree?.close();
  });

  async function ours(name: string, mode: 'dane' | 'opportunistic', validates = true): Promise<Sender> {
    const mta: Mta = await startMta({
      config: () => ({
        delivery: { ...DELIVERY, mxPort: tree.port, defaultTls: 'bank' },
        resolver: { servers: [dns.server], timeoutSeconds: 2, validates },
        tlsPolicies: [testPolicy({ name: 'bank', mode, fallbackToClear: mode === 'opportunistic' })],
      }),
    });
    return {
      name: `ours ${name}`,
      port: mta.ports.smtp,
      attempted(to) {
        const line = mta.log().find((each) => each['msg'] === 'attempted' && each['to'] === to);
        return line && JSON.stringify(line['reply']);
      },
      stop: () => mta.stop(),
    };
  }

  async function postfixes(name: string, level: 'dane-only' | 'dane'): Promise<Sender> {
    const folder = temporaryFolder('postfix');
    const port = await freePort();
    const [resolvConf, transport] = [join(folder, 'resolv.conf'), join(folder, 'transport')];
    // glibc hides the AD bit of a resolver that it isn't told to trust.
    writeFileSync(resolvConf, `nameserver ${RESOLVER}\noptions edns0 trust-ad\n`, { mode: 0o644 });
    writeFileSync(
      transport,
      tree.cases.map(({ domain }) => `${domain} smtp:${domain}:${tree.port}\n`).join(''),
      { mode: 0o644 },
    );
    const mount = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';
    const postfix: Postfix = await startPostfix({
      ...{ folder, port, wrap: ['unshare', '--mount', 'sh', '-c', mount, 'sh', resolvConf] },
      mainCf: `
transport_maps = texthash:${transport}
smtp_dns_support_level = dnssec
smtp_host_lookup = dns
smtp_tls_security_level = ${level}
smtp_tls_loglevel = 1
smtp_connection_cache_on_demand = no
`,
    });
    return {
      name: `Postfix ${name}`,
      port,
      attempted(to) {
        const lines = readFileSync(join(folder, 'maillog'), 'utf8').split('\n');
        return lines.find((line) => line.includes(` to=<${to}>`))?.replace(/.* status=/, '');
      },
      stop: () => postfix.stop(),
    };
  }

  async function sendAll(
    sender: Sender,
    domains: readonly string[] = tree.cases.map(({ domain }) => domain),
  ): Promise<void> {
    const { client } = await SmtpClient.connect(sender.port);
    await client.command('EHLO client.test');
    const from = `${sender.name.replace(' ', '-')}@sender.test`;
    for (const domain of domains) {
      const content = Buffer.from(`From: <${from}>\r\nSubject: DANE\r\n\r\nhello\r\n`);
      const reply = await client.send({ from, to: [`bob@${domain}`], content });
      expect(reply.code).toBe(250);
    }
    client.close();
    for (const { domain, peers } of tree.cases.filter((each) => domains.includes(each.domain))) {
      const why = await waitFor(
        `an attempt of ${sender.name} for ${domain}`,
        () => sender.attempted(`bob@${domain}`),
        { timeoutMs: 90_000, everyMs: 100 },
      );
      const mail = `MAIL FROM:<${from}>`;
      const came = (lines: (peer: Case['peers'][number]) => readonly string[]) =>
        peers.some((peer) => lines(peer).some((line) => line.startsWith(mail)));
      const wire = came(({ secured }) => secured) ? 'tls' : came(({ lines }) => lines) ? 'clear' : 'waits';
      results.set(`${sender.name} ${domain}`, { wire, why });
    }
  }

  const table = (): string => {
    const rows = tree.cases.map(({ what, domain }) =>
      [what, ...senders.map(({ name }) => results.get(`${name} ${domain}`)?.wire ?? '?')].join(' | '),
    );
    return [['case', ...senders.map(({ name }) => name)].join(' | '), ...rows].join('\n');
  };

  it('has cases', () => expect(tree.cases.length).toBeGreaterThan(30));

  it.each(['mandatory', 'opportunistic'] as const)('%s: what becomes of each, and Postfix agrees', (name) => {
    const wrong = tree.cases.flatMap(({ what, domain, [name]: expected }) => {
      const mine = results.get(`ours ${name} ${domain}`)!;
      const theirs = results.get(`Postfix ${name} ${domain}`)!;
      const agreed = isAsExpected(mine, expected) && mine.wire === theirs.wire;
      return agreed ? [] : [{ what, expected: String(expected), mine, theirs }];
    });
    expect(wrong).toEqual([]);
  });

  it('what waits says 4.7.5, what is missing, and the policy; 4.4.3 where nobody knows the hosts', () => {
    for (const { what, domain } of tree.cases) {
      for (const name of ['mandatory', 'opportunistic']) {
        const { wire, why } = results.get(`ours ${name} ${domain}`)!;
        const reply = /^"451 (4\.7\.5 .*: [a-z]+-[a-z-]+: .* \(TLS policy bank\)|4\.4\.3 .*SERVFAIL)"$/;
        if (wire === 'waits') expect(why, what).toMatch(reply);
      }
    }
  });

  it('by a resolver that is not trusted nothing passes, whatever it says', async () => {
    const mta = await ours('untrusted', 'dane', false);
    await sendAll(mta, ['ee.signed.test']);
    await mta.stop();
    const { wire, why } = results.get(`${mta.name} ee.signed.test`)!;
    expect(wire).toBe('waits');
    expect(why).toMatch(/4\.7\.5 .*dane-required: no resolver is trusted.*\(TLS policy bank\)/);
  });

  it('the name in SNI is the TLSA base domain', () => {
    for (const { what, serverName, peers } of tree.cases) {
      if (serverName === undefined) continue;
      expect(new Set(peers.flatMap(({ serverNames }) => serverNames)), what).toEqual(new Set([serverName]));
    }
  });
});

function isAsExpected({ wire, why }: Result, expected: Expected): boolean {
  return expected instanceof RegExp ? wire === 'waits' && expected.test(why) : wire === expected;
}
