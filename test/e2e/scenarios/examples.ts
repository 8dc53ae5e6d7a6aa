/** Examples, applied as their READMEs say: mail comes in through them, and comes out where they send it. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join, relative } from 'node:path';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { policyHost } from '../../../mta/config.ts';
import { bringSecrets, EXAMPLES, LITERAL } from '../../control-plane/support/examples.ts';
import { certificateAuthority } from '../../support/authority.ts';
import { startDovecot } from '../../support/dovecot.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { freePort } from '../../support/ports.ts';
import { SmtpClient } from '../../support/smtp-client.ts';
import { waitFor } from '../../support/wait.ts';
import { serveOutside } from '../cluster/outside.ts';
import { makeDefaultClass, makeSharedVolume } from '../volumes.ts';
import { serviceOf, type World } from '../world.ts';

interface Taken {
  readonly user: string;
  readonly protocol: string;
  readonly from: string;
  readonly content: string;
}

/** The provider of the relay: STARTTLS by a certificate of its own authority, and nobody without a password. */
async function startProvider(address: string, name: string) {
  const authority = await certificateAuthority('a private one');
  const identity = await authority.issue(name);
  const taken: Taken[] = [];
  const server = new SMTPServer({
    ...{ key: readFileSync(join(identity, 'tls.key')), cert: readFileSync(join(identity, 'tls.crt')) },
    onAuth({ username = '', password }, { secure }, done) {
      if (secure && password === LITERAL) done(null, { user: username });
      else done(new Error('wrong password'));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { user = '', envelope, transmissionType: protocol } = session;
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        taken.push({ user, protocol, from, content: Buffer.concat(chunks).toString('latin1') });
        done();
      });
    },
  });
  const port = await freePort(address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  const close = () => new Promise<void>((resolve) => server.close(resolve));
  return { port, taken, authority: authority.certificate, close };
}

/** What its README says is to be changed before it is used: a folder to apply. */
/** As a sender fetches it, from this address and with this authority. */
async function policyOf(
  domain: string,
  from: { readonly host: string; readonly ca: string },
): Promise<string> {
  const servername = policyHost(domain);
  const asking = request({
    ...{ ...from, servername, agent: false, path: '/.well-known/mta-sts.txt', headers: { host: servername } },
  });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  return (await response.toArray()).join('');
}

function changed(example: string, patches: readonly object[]): string {
  const folder = temporaryFolder('example');
  const kustomization = { resources: [relative(folder, join(EXAMPLES, example))], patches };
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
  return folder;
}

const set = (kind: string, path: string, value: unknown) => ({
  target: { kind },
  patch: JSON.stringify([{ op: 'add', path, value }]),
});

/** For `node -e`: what the receiver of a webhook has for anna. */
const OF_ANNA = `
const { readdirSync, readFileSync } = require('node:fs');
const folder = '/mail/anna%40example.org';
for (const name of readdirSync(folder)) if (name.endsWith('.eml')) process.stdout.write(readFileSync(folder + '/' + name));
`;

export function examples(world: () => World): void {
  const closing: (() => Promise<unknown>)[] = [];
  beforeAll(() => makeDefaultClass(world().cluster));
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });

  /** Resolves when all of it is ready. It is taken away at the end. */
  async function apply(folder: string, namespace: string, kinds: string): Promise<void> {
    const { kubectl } = world().cluster;
    await makeSharedVolume(world().cluster, namespace);
    await kubectl('apply', '--server-side', '-k', folder);
    closing.push(() => kubectl('delete', '-k', folder, '--timeout=120s'));
    await kubectl('wait', '--for=condition=Ready', '-n', namespace, kinds, '--all', '--timeout=120s');
  }

  it('inbound-lmtp: mail for its domains comes out at the mail store, and for nobody else', async () => {
    const { cluster } = world();
    const address = cluster.places.gateway;
    const dovecot = await startDovecot(address);
    closing.push(() => dovecot.stop());
    const namespace = 'mail-inbound';
    const ca = await bringSecrets(cluster.client, 'inbound-lmtp');
    await serveOutside(cluster.client, {
      ...{ namespace, name: 'dovecot', address },
      ports: [{ port: 24, targetPort: dovecot.lmtpPort, protocol: 'TCP' }],
    });
    await apply(join(EXAMPLES, 'inbound-lmtp'), namespace, 'mta,maildomain');

    const { client } = await SmtpClient.connect(25, await serviceOf(cluster, 'mx', namespace));
    await client.command('EHLO client.test');
    const content = 'From: <carl@sender.test>\r\nSubject: hello\r\n\r\nhello\r\n';
    const message = { from: 'carl@sender.test', to: ['anna+lists@example.net'], content };
    expect((await client.send(message)).code).toBe(250);
    await client.command('MAIL FROM:<carl@sender.test>');
    for (const stranger of ['nobody@example.org', 'anna@elsewhere.test']) {
      expect((await client.command(`RCPT TO:<${stranger}>`)).code).toBe(550);
    }
    client.close();
    const stored = await waitFor('Dovecot to have it', async () => (await dovecot.inbox('anna'))[0]);
    expect(stored).toContain('Subject: hello');

    const policy = await policyOf('example.net', { host: await serviceOf(cluster, 'mx', namespace), ca });
    expect(policy).toBe('version: STSv1\r\nmode: testing\r\nmx: mx.example.org\r\nmax_age: 1209600\r\n');
  });

  it('inbound-webhook: mail for its domain comes out at the receiver, which takes nothing but what is signed', async () => {
    const { cluster, image } = world();
    const namespace = 'mail-hooks';
    await bringSecrets(cluster.client, 'inbound-webhook');
    // No registry can be reached: the product's image has a Node too.
    const container = '/spec/template/spec/containers/0';
    const folder = changed('inbound-webhook', [
      set('Deployment', `${container}/image`, image),
      set('Deployment', `${container}/imagePullPolicy`, 'Never'),
    ]);
    await apply(folder, namespace, 'mta,maildomain');
    await cluster.kubectl('rollout', 'status', '-n', namespace, 'deployment/receiver', '--timeout=120s');

    const unsigned = await fetch(`http://${await serviceOf(cluster, 'receiver', namespace)}:8080/mail`, {
      ...{ method: 'POST', body: 'Subject: forged\r\n\r\nforged\r\n' },
    });
    expect(unsigned.status).toBe(401);

    const { client } = await SmtpClient.connect(25, await serviceOf(cluster, 'mx', namespace));
    await client.command('EHLO client.test');
    const content = 'From: <carl@sender.test>\r\nSubject: hello\r\n\r\nhello\r\n';
    const reply = await client.send({ from: 'carl@sender.test', to: ['anna@example.org'], content });
    expect(reply.code).toBe(250);
    client.close();
    const kept = await waitFor(
      'the receiver to have it',
      () => cluster.kubectl('exec', '-n', namespace, 'deployment/receiver', '--', 'node', '--eval', OF_ANNA),
      { timeoutMs: 60_000, everyMs: 500 },
    );
    const id = /queued as (\S+)/.exec(reply.text)![1]!;
    expect(kept).toMatch(new RegExp(`^Received: .*by mx\\.example\\.org with ESMTP id ${id}`, 's'));
    expect(kept.endsWith(content)).toBe(true);
  });

  it('cluster-relay: mail of an application goes to the provider, by TLS and with the account', async () => {
    const { cluster } = world();
    const address = cluster.places.gateway;
    const namespace = 'mail-relay';
    const host = `provider.${namespace}.svc.cluster.local`;
    const provider = await startProvider(address, host);
    closing.push(provider.close);
    await bringSecrets(cluster.client, 'cluster-relay');
    await serveOutside(cluster.client, {
      ...{ namespace, name: 'provider', address },
      ports: [{ port: 587, targetPort: provider.port, protocol: 'TCP' }],
    });
    await cluster.apply([
      {
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'provider-authority' } },
        stringData: { 'ca.crt': provider.authority },
      },
    ]);
    const folder = changed('cluster-relay', [
      set('MailRelay', '/spec/hosts/0/host', host),
      set('MailTLSPolicy', '/spec/caRef', { name: 'provider-authority' }),
    ]);
    await apply(folder, namespace, 'mta,mailrelay,mailtlspolicy,mailuser');

    const transport = createTransport({
      ...{ host: await serviceOf(cluster, 'relay', namespace), port: 587, requireTLS: true },
      // The certificate in the Secret is for another name.
      tls: { rejectUnauthorized: false },
      auth: { user: 'shop', pass: LITERAL },
    });
    await transport.sendMail({
      ...{ from: 'orders@example.org', to: 'bob@far.test', subject: 'your order', text: 'thanks' },
    });
    transport.close();
    const { content, ...rest } = await waitFor('the provider to have it', () => provider.taken[0]);
    expect(rest).toEqual({ user: LITERAL, protocol: 'ESMTPSA', from: 'orders@example.org' });
    expect(content).toMatch(/^Subject: your order\r$/m);
  });
}
