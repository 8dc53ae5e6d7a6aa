/** Real DNS: NSD serves zones of the test, Unbound answers for them as the recursive resolver that the mta asks. */

import { createSocket } from 'node:dgram';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { program } from './debian.ts';
import { temporaryFolder } from './folders.ts';
import { freePort } from './ports.ts';
import { start } from './processes.ts';
import { waitFor } from './wait.ts';

export interface Dns {
  /** `127.0.0.1:port` of the resolver: for `resolver.servers`. */
  readonly server: string;
  stop(): Promise<void>;
}

/**
 * Zones as zone name → records in master file form; SOA and NS are added. Names end in `.test`, whose other names don't
 * exist.
 */
export async function startDns(
  given: Readonly<Record<string, readonly string[]>>,
  options: ServerOptions = {},
): Promise<Dns> {
  const zones = { test: [], ...given };
  const folder = temporaryFolder('dns');
  for (const [name, records] of Object.entries(zones))
    writeFileSync(join(folder, name), zoneText(name, records));
  return startServers(folder, Object.keys(zones), options);
}

export const zoneText = (name: string, records: readonly string[]): string =>
  `${[
    `$ORIGIN ${name}.`,
    '$TTL 1',
    '@ SOA ns.invalid. hostmaster.invalid. 1 60 60 600 1',
    '@ NS ns.invalid.',
    ...records,
  ].join('\n')}\n`;

export interface ServerOptions {
  /** A file with the key of `test.`: the resolver validates, and takes everything below for signed. */
  readonly anchor?: string;
  /** Where the resolver listens on port 53 besides: the only one that a resolv.conf can name. */
  readonly address?: string;
  /** Zones that are served by somebody who has none of them. */
  readonly lame?: readonly string[];
}

/** Serves the zones of the files of their names in the folder. */
export async function startServers(
  folder: string,
  names: readonly string[],
  { anchor, address, lame = [] }: ServerOptions = {},
): Promise<Dns> {
  chmodSync(folder, 0o755);
  const [authority, resolver] = [await freePort(), await freePort()];
  const nsdConfig = join(folder, 'nsd.conf');
  writeFileSync(
    nsdConfig,
    `server:
  ip-address: 127.0.0.1@${authority}
  server-count: 1
  rrl-ratelimit: 0
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  cookie-secret-file: "${folder}/cookies"
remote-control:
  control-enable: no
${names.map((name) => `zone:\n  name: "${name}"\n  zonefile: "${name}"`).join('\n')}
`,
  );
  // Unbound answers for .test itself, with NXDOMAIN, unless it is told otherwise (RFC 6761 §6.2).
  const unboundConfig = join(folder, 'unbound.conf');
  writeFileSync(
    unboundConfig,
    `server:
  interface: 127.0.0.1@${resolver}
${address === undefined ? '' : `  interface: ${address}@53`}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: "${folder}/unbound.pid"
  use-syslog: no
  logfile: ""
  do-ip6: no
  module-config: "${anchor === undefined ? '' : 'validator '}iterator"
${anchor === undefined ? '' : `  trust-anchor-file: "${anchor}"`}
  do-not-query-localhost: no
  cache-max-ttl: 1
  cache-max-negative-ttl: 1
  val-bogus-ttl: 1
  local-zone: "test." nodefault
remote-control:
  control-enable: no
${['test', ...lame].map((name) => `stub-zone:\n  name: "${name}"\n  stub-addr: 127.0.0.1@${authority}`).join('\n')}
`,
  );
  const nsd = start(program('nsd'), ['-d', '-c', nsdConfig], join(folder, 'nsd.log'));
  const unbound = start(program('unbound'), ['-d', '-c', unboundConfig], join(folder, 'unbound.log'));
  await waitFor('the resolver to answer', async () => {
    for (const each of [nsd, unbound]) if (each.ended() !== undefined) throw new Error(each.output());
    for (const name of names) if (!(await answersFor(name, resolver))) return false;
    return true;
  });
  return {
    server: `127.0.0.1:${resolver}`,
    async stop() {
      await unbound.stop();
      await nsd.stop();
    },
  };
}

/** With a SOA record, or, where its signatures are bad, without. */
function answersFor(name: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => end(new Error('no answer')), 1000);
    const end = (result: Error | boolean) => {
      clearTimeout(timer);
      socket.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    socket.once('error', end);
    socket.once('message', (message) => {
      const { answers = [], rcode } = decode(message) as ReturnType<typeof decode> & { rcode: string };
      end(answers.length > 0 || rcode === 'SERVFAIL');
    });
    const query = encode({ type: 'query', id: 1, flags: 256, questions: [{ type: 'SOA', name }] });
    socket.send(query, port, '127.0.0.1');
  });
}
