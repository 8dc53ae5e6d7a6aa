/** One Postfix that is all kinds of mail hosts, each a service of its own at a port of its own. What each got is told by its log, and by what Postfix passes on. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf } from '../conformance/mta-sts/certificates.ts';
import type { HostCase } from '../conformance/tls-modes/table.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freePort, listens } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { type Delivered, type Sink, startSink } from '../support/sink.ts';
import { waitFor } from '../support/wait.ts';

export interface PostfixHost {
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  /** Lines of the log about its sessions. */
  log(): string[];
}

export interface PostfixHosts {
  readonly hosts: readonly PostfixHost[];
  /** All that Postfix has taken, with its `Received` on top. */
  readonly messages: readonly Delivered[];
  stop(): Promise<void>;
}

/** In the order of `cases`, with certificates for the name `host`. */
export async function startPostfixHosts(
  host: string,
  cases: readonly Pick<HostCase, 'shows' | 'postfix'>[],
): Promise<PostfixHosts> {
  const folder = temporaryFolder('postfix');
  const sink: Sink = await startSink();
  const services: string[] = [];
  const hosts: PostfixHost[] = [];
  for (const [index, { shows = 'good', postfix }] of cases.entries()) {
    const name = `host${index}`;
    const port = await freePort();
    const { key, certificate } = identityOf(host, shows);
    const pair = join(folder, `${name}.pem`);
    writeFileSync(pair, key + certificate, { mode: 0o600 });
    services.push(
      `127.0.0.1:${port} inet n - n - - smtpd -o syslog_name=${name} -o smtpd_tls_cert_file=${pair}`,
    );
    // The last of a name counts.
    if (postfix !== undefined) services.push(`  -o { ${postfix.setting} }`);
    const log = () =>
      readFileSync(join(folder, 'maillog'), 'utf8')
        .split('\n')
        .filter((line) => line.includes(` ${name}/smtpd[`));
    hosts.push({ port, certificate, log });
  }
  const postfix: Postfix = await startPostfix({
    ...{ folder, port: await freePort(), masterCf: services.join('\n') },
    mainCf: `
relayhost = [127.0.0.1]:${sink.port}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
`,
  });
  await waitFor('all services to listen', () => hosts.every(({ port }) => listens(port)));
  return {
    hosts,
    messages: sink.messages,
    async stop() {
      await postfix.stop();
      await sink.close();
    },
  };
}
