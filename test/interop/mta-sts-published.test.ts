/**
 * The policies that we publish, as maddy reads them: it looks for them by DNS, fetches them by HTTPS, and hands mail over only to hosts that
 * they name, with certificates that are valid for these.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Domain } from '../../mta/config.ts';
import { policyFile } from '../../operator/compile/mta-sts.ts';
import { recordsOf } from '../../operator/status/records.ts';
import { listener, lmtpDomain, relay } from '../support/config.ts';
import { describeUnless, program } from '../support/debian.ts';
import { type Dns, startDns } from '../support/dns.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startPrivately } from '../support/foreign/private-root.ts';
import { foreignProgram, isMissing, REMEDY } from '../support/foreign/programs.ts';
import { untilGreeted } from '../support/foreign/ready.ts';
import { issuer } from '../support/issuer.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Running, run } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { waitFor } from '../support/wait.ts';

const [HOST, RESOLVER] = ['127.0.0.71', '127.0.0.72'];
const MX = 'mx.ours.test';
/** What each domain publishes; its mail comes in at the same host. */
const DOMAINS = { 'ours.test': MX, 'pattern.test': '*.ours.test', 'moved.test': 'mx.elsewhere.test' };

const NEEDS = ['root', 'swaks', 'nsd', 'unbound', 'unshare', 'maddy'];

describeUnless(NEEDS.filter(isMissing), REMEDY, 'policies that we publish', () => {
  const authority = issuer('public authority');
  let sink: Sink;
  let mta: Mta;
  let dns: Dns;
  let maddy: Running;
  let port: number;

  beforeAll(async () => {
    sink = await startSink();
    const mx = authority.issue([MX]);
    const hosts = authority.issue(Object.keys(DOMAINS).map((name) => `mta-sts.${name}`));
    mta = await startMta({
      config: (_, ports) => ({
        web: { address: HOST, port: 443 },
        listeners: [
          listener(ports.smtp, {
            ...{ address: HOST, port: 25, hostname: MX },
            tls: {
              ...{ mode: 'starttls', required: false, minVersion: 'TLSv1.2' },
              certificate: 'mx/crt',
              key: 'mx/key',
            },
          }),
        ],
        domains: Object.entries(DOMAINS).map(([domain, host]) => ours(domain, host)),
        relays: [relay('sink', '127.0.0.1', sink.port)],
        secrets: { 'mx/crt': mx.crt, 'mx/key': mx.key, 'sts/crt': hosts.crt, 'sts/key': hosts.key },
      }),
    });
    const records = recordsOf(mta.config, { hostname: MX, web: { port: 8443 } });
    const zone = (domain: string) =>
      [...records.values()].flat().flatMap(({ name, type, value }) => {
        if (!name.endsWith(`.${domain}`)) return [];
        return [`${name}. ${type} ${type === 'TXT' ? `"${value}"` : value}`];
      });
    dns = await startDns(
      Object.fromEntries(
        Object.keys(DOMAINS).map((domain) => [
          domain,
          [`@ MX 10 ${MX}.`, ...(domain === 'ours.test' ? [`mx A ${HOST}`] : []), ...zone(domain)],
        ]),
      ),
      { address: RESOLVER },
    );
    port = await freePort();
    maddy = startMaddy(port, authority.certificate);
    await untilGreeted(maddy, port);
  });
  afterAll(async () => {
    await maddy?.stop();
    await dns?.stop();
    await mta?.stop();
    await sink?.close();
  });

  const ours = (domain: string, host: string): Domain =>
    lmtpDomain(domain, sink.port, {
      target: { type: 'smtp', hosts: [{ host: '127.0.0.1', port: sink.port }] },
      mtaSts: {
        policy: policyFile({ mode: 'Enforce', maxAge: '24h', mx: [host] }),
        ...{ certificate: 'sts/crt', key: 'sts/key' },
      },
    });
  const send = (to: string) =>
    run(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(port), '--from', 'anna@sender.test', '--to', to],
    ]);

  it.each(['ours.test', 'pattern.test'])(
    'are taken for what they say: mail for %s is authenticated',
    async (domain) => {
      await send(`bob@${domain}`);
      const line = await waitFor(`mail for ${domain}`, () =>
        mta.log().find((each) => JSON.stringify(each['to'] ?? '').includes(domain) && 'reply' in each),
      );
      expect(String(line['reply'])).toMatch(/^250/);
      await waitFor('the sink', () => sink.messages.some(({ to }) => to.includes(`bob@${domain}`)));
    },
  );

  it('keep mail from a host that they do not name', async () => {
    const { stdout } = await send('bob@moved.test');
    expect(stdout).toMatch(/MTA-STS/i);
    expect(sink.messages.filter(({ to }) => to.includes('bob@moved.test'))).toEqual([]);
  });

  it('were fetched by HTTPS', async () => {
    expect(await mta.metric('postrider_web_requests_total')).toBeGreaterThanOrEqual(
      Object.keys(DOMAINS).length,
    );
  });
});

/** It hands over to hosts that a policy names, and to nobody else. */
function startMaddy(port: number, authority: string): Running {
  const folder = temporaryFolder('maddy');
  const files = {
    'ca.crt': authority,
    'resolv.conf': `nameserver ${RESOLVER}\n`,
    'maddy.conf': `
state_dir ${folder}
runtime_dir ${folder}
hostname maddy.test
tls off
debug yes
target.remote out {
  mx_auth {
    mtasts { cache ram }
    local_policy {
      min_tls_level authenticated
      min_mx_level mtasts
    }
  }
}
smtp tcp://127.0.0.1:${port} {
  dmarc no
  deliver_to &out
}
`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return startPrivately(
    folder,
    { empty: [], places: { '/etc/resolv.conf': join(folder, 'resolv.conf') }, users: {} },
    'env',
    [
      `SSL_CERT_FILE=${join(folder, 'ca.crt')}`,
      foreignProgram('maddy'),
      '-config',
      join(folder, 'maddy.conf'),
      'run',
    ],
  );
}
