/**
 * The TLSA records that compile computes for a listener, in a zone with real signatures, and Postfix as the sender that does DANE: it has to find
 * them for the certificate of each name, before a key changes and after it, and has to keep its mail where they don't fit.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { MtaConfig } from '../../mta/config.ts';
import { compile } from '../../operator/compile/compile.ts';
import { environment, inputFrom } from '../../operator/compile/testing/manifests.ts';
import type { CompileResult } from '../../operator/compile/types.ts';
import { listedIn } from '../../operator/status/dane.ts';
import { lmtpDomain } from '../support/config.ts';
import { describeWith } from '../support/debian.ts';
import { type Dns, startServers } from '../support/dns.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Issued, issuer } from '../support/issuer.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { signZones } from '../support/signed-zones.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

/** Addresses that no other run has: of the resolver, and of the host, whose port is 25 as it is to the world. */
const own = `${(process.pid >> 8) & 255}.${process.pid & 255 || 1}`;
const [RESOLVER, HOST] = [`127.2.${own}`, `127.3.${own}`];
const DOMAINS = ['first.signed.test', 'second.signed.test'];
const LEAD_MS = 3_600_000;

const authority = issuer('nobody that Postfix knows');
const issue = (domain: string): Issued => authority.issue([`mx.${domain}`]);
const [old, fresh, second] = [issue(DOMAINS[0]!), issue(DOMAINS[0]!), issue(DOMAINS[1]!)];
const START = Date.now();

function look(mx: Issued, programmed: MtaConfig | undefined, now: number, status?: object): CompileResult {
  const tls = {
    ...{ certificateRef: { name: 'mx' }, additionalCertificateRefs: [{ name: 'second' }] },
    dane: { lead: '1h' },
  };
  const mta = {
    ...{ apiVersion: 'postrider.dev/v1alpha1', kind: 'MTA', metadata: { namespace: 'mail', name: 'mta' } },
    spec: {
      hostname: `mx.${DOMAINS[0]}`,
      listeners: [{ name: 'smtp', role: 'SMTP', port: 25, tls }],
    },
  };
  const secrets = Object.entries({ mx, second }).map(([name, { crt, key }]) => ({
    ...{ namespace: 'mail', name, values: { 'tls.crt': crt, 'tls.key': key } },
  }));
  return compile(
    inputFrom(stringify(mta), {
      ...{ secrets, programmed, listed: { now, records: listedIn(status) } },
      environment: { ...environment, listenAddress: HOST },
    }),
  );
}

describeWith(['root', 'postfix', 'nsd', 'unbound', 'ldns-signzone', 'unshare'], 'inbound DANE', () => {
  const begun = look(old, undefined, START);
  const waiting = look(fresh, begun.config, START);
  const records = waiting.tlsa!.records.map((record) => ({
    ...record,
    since: new Date(START).toISOString(),
  }));
  let dns: Dns;
  let inbox: Sink;
  let mta: Mta;
  let postfix: Postfix;
  let revision = 1;

  beforeAll(async () => {
    inbox = await startSink({ lmtp: true });
    const folder = temporaryFolder('signed');
    const hosts = ['first', 'second'].flatMap((name) => [`${name} MX 10 mx.${name}`, `mx.${name} A ${HOST}`]);
    const tlsa = records.map(({ name, type, value }) => `${name}. ${type} ${value}`);
    const zones = { 'signed.test': { records: [...hosts, ...tlsa] } };
    const anchor = await signZones(folder, zones);
    dns = await startServers(folder, ['test', 'signed.test'], { anchor, address: RESOLVER });
    mta = await startMta({
      config: () => ({
        ...{ listeners: waiting.config!.listeners, secrets: waiting.config!.secrets },
        domains: DOMAINS.map((domain) => lmtpDomain(domain, inbox.port)),
      }),
    });
    postfix = await sender();
  }, 120_000);
  afterAll(async () => {
    await postfix?.stop();
    await mta?.stop();
    await dns?.stop();
    await inbox?.close();
  });

  async function sender(): Promise<Postfix> {
    const folder = temporaryFolder('postfix');
    const resolvConf = join(folder, 'resolv.conf');
    writeFileSync(resolvConf, `nameserver ${RESOLVER}\noptions edns0 trust-ad\n`, { mode: 0o644 });
    const mount = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';
    return startPostfix({
      ...{ folder, port: await freePort(), address: '127.0.0.1' },
      wrap: ['unshare', '--mount', 'sh', '-c', mount, 'sh', resolvConf],
      mainCf: `
smtp_dns_support_level = dnssec
smtp_host_lookup = dns
smtp_tls_security_level = dane-only
smtp_tls_loglevel = 1
smtp_connection_cache_on_demand = no
smtp_tls_session_cache_database =
`,
    });
  }

  /** What Postfix says of it: `sent`, or why not. */
  async function send(to: string): Promise<string> {
    const port = /:(\d+) inet/.exec(readFileSync(join(postfix.folder, 'etc/master.cf'), 'utf8'))![1];
    const { client } = await SmtpClient.connect(Number(port));
    await client.command('EHLO client.test');
    const content = Buffer.from('From: <a@sender.test>\r\nSubject: DANE\r\n\r\nhello\r\n');
    expect((await client.send({ from: 'a@sender.test', to: [to], content })).code).toBe(250);
    client.close();
    const line = await waitFor(
      `an attempt for ${to}`,
      () => maillog().find((each) => each.includes(` to=<${to}>`)),
      { timeoutMs: 60_000, everyMs: 100 },
    );
    return line.replace(/.* status=/, '');
  }

  const maillog = () => readFileSync(join(postfix.folder, 'maillog'), 'utf8').split('\n');
  /** Of connections to the host, in the order of the log: `Verified`, `Untrusted`. */
  const verdicts = () =>
    maillog().flatMap(
      (line) => / (\w+) TLS connection established to (mx\.\S+)\[/.exec(line)?.slice(1, 3).join(' ') ?? [],
    );

  async function load(secrets: Record<string, string>, listeners?: MtaConfig['listeners']): Promise<void> {
    const file = join(mta.folder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as MtaConfig;
    revision += 1;
    const next = {
      ...config,
      ...(listeners && { listeners }),
      secrets: { ...config.secrets, ...secrets },
      revision,
    };
    writeFileSync(file, JSON.stringify(next));
    mta.running.child.kill('SIGHUP');
    await waitFor('the config', async () => {
      const { revision: loaded } = (await mta.control('/v1/config')) as { revision: number };
      return loaded === revision;
    });
  }

  it('verifies each name by the record of its own key, while a new one waits', async () => {
    expect(records.map(({ name }) => name)).toEqual([
      '_25._tcp.mx.first.signed.test',
      '_25._tcp.mx.first.signed.test',
      '_25._tcp.mx.second.signed.test',
      '_25._tcp.mx.second.signed.test',
      '_25._tcp.mx.second.signed.test',
    ]);
    for (const domain of DOMAINS) expect(await send(`before@${domain}`)).toMatch(/^sent/);
    expect(verdicts()).toEqual(DOMAINS.map((domain) => `Verified mx.${domain}`));
  });

  it('goes on doing so when the new key is shown', async () => {
    const { config } = look(fresh, waiting.config, START + LEAD_MS, { records });
    expect(Object.values(config!.secrets)).toContain(fresh.crt);
    expect(Object.values(config!.secrets)).not.toContain(old.crt);
    await load(config!.secrets, config!.listeners);
    const before = verdicts().length;
    for (const domain of DOMAINS) expect(await send(`after@${domain}`)).toMatch(/^sent/);
    expect(verdicts().slice(before)).toEqual(DOMAINS.map((domain) => `Verified mx.${domain}`));
    await waitFor('the messages', () => inbox.messages.length === 2 * DOMAINS.length);
    expect(inbox.messages.map(({ to }) => String(to)).toSorted()).toEqual(
      DOMAINS.flatMap((domain) => [`after@${domain}`, `before@${domain}`]).toSorted(),
    );
  });

  it('keeps its mail where a key is shown that has no record', async () => {
    const { crt, key } = issue(DOMAINS[0]!);
    await load({ 'Secret/mail/mx/tls.crt': crt, 'Secret/mail/mx/tls.key': key });
    expect(await send(`unknown@${DOMAINS[0]}`)).toMatch(/^deferred \(Server certificate not verified/);
    expect(await send(`other@${DOMAINS[1]}`)).toMatch(/^sent/);
  });
});
