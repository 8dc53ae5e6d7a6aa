/** TLS of listeners with the clients of others: openssl s_client, swaks and Postfix, against two worker processes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Listener } from '../../mta/config.ts';
import { listener, lmtpDomain, relay } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Issued, issuer } from '../support/issuer.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { type Finished, run } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { waitFor } from '../support/wait.ts';

const servers = issuer('servers');
const partners = issuer('partners');
const NAMES = ['mx.first.test', 'mx.second.test', '*.wild.test'];

interface Files {
  readonly crt: string;
  readonly key: string;
}

function filesOf({ crt, key }: Issued): Files {
  const folder = temporaryFolder('certificate');
  const files = { crt: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  writeFileSync(files.crt, crt);
  writeFileSync(files.key, key);
  return files;
}

describeWith(['swaks', 'openssl'], 'TLS of listeners', () => {
  let sink: Sink;
  let inbox: Sink;
  let mta: Mta;
  let strictPort: number;
  let modernPort: number;
  const gateway = filesOf(partners.issue(['gateway.partner.test']));
  const unnamed = filesOf(partners.issue(['other.partner.test']));
  const stranger = filesOf(issuer('partners').issue(['gateway.partner.test']));

  beforeAll(async () => {
    sink = await startSink();
    inbox = await startSink({ lmtp: true });
    strictPort = await freePort();
    modernPort = await freePort();
    mta = await startMta({
      config: (_, ports) => {
        const [first, ...moreCertificates] = NAMES.map((name) => ({
          certificate: `${name}/tls.crt`,
          key: `${name}/tls.key`,
        }));
        const clientAuth = { ca: 'partners', required: false, relayFrom: ['gateway.partner.test'] };
        const tls: Listener['tls'] = {
          ...{ mode: 'starttls', required: false, minVersion: 'TLSv1.2' },
          ...{ ...first, moreCertificates, clientAuth },
        };
        const of = (name: string, port: number, more: Partial<Listener['tls']>) =>
          listener(port, { name, relayFrom: [], tls: { ...tls, ...more } });
        return {
          workers: 2,
          listeners: [
            of('smtp', ports.smtp, {}),
            of('strict', strictPort, { required: true, clientAuth: { ...clientAuth, required: true } }),
            of('modern', modernPort, { mode: 'implicit', minVersion: 'TLSv1.3' }),
          ],
          domains: [lmtpDomain('ours.test', inbox.port)],
          relays: [relay('outbound', '127.0.0.1', sink.port)],
          secrets: {
            partners: partners.certificate,
            ...Object.fromEntries(
              NAMES.flatMap((name) => {
                const { crt, key } = servers.issue([name]);
                return [
                  [`${name}/tls.crt`, crt],
                  [`${name}/tls.key`, key],
                ];
              }),
            ),
          },
        };
      },
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await inbox?.close();
    await sink?.close();
  });

  const openssl = (port: number, ...more: string[]): Promise<Finished> =>
    run(
      program('openssl'),
      [
        ...['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', '-crlf'],
        ...(port === modernPort ? [] : ['-starttls', 'smtp']),
        ...more,
      ],
      { input: 'QUIT\n' },
    );
  const swaks = (port: number, to: string, ...more: string[]): Promise<Finished> =>
    run(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(port), '--from', 'app@partner.test', '--to', to],
      ...['--tls', ...more],
    ]);
  const showing = ({ crt, key }: Files) => ['--tls-cert', crt, '--tls-key', key];
  const refusals = () => mta.log().filter(({ msg }) => msg === 'refused');

  describe('openssl s_client', () => {
    it.each([
      ['mx.first.test', 'mx.first.test'],
      ['mx.second.test', 'mx.second.test'],
      ['a.wild.test', '\\*.wild.test'],
      ['mx.elsewhere.test', 'mx.first.test'],
    ])('asks for %s and is shown the certificate of it', async (name, subject) => {
      for (const port of [mta.ports.smtp, modernPort]) {
        const { stdout } = await openssl(port, '-servername', name);
        expect(stdout).toMatch(new RegExp(`subject=CN = ${subject}\n`));
      }
    });

    it('has TLS 1.2 where the profile is Intermediate, with its ciphers alone, and not where it is Modern', async () => {
      const cipher = (name: string) => ['-tls1_2', '-cipher', `${name}:@SECLEVEL=0`];
      const good = await openssl(mta.ports.smtp, ...cipher('ECDHE-ECDSA-AES128-GCM-SHA256'));
      expect(good.stdout).toMatch(/Cipher is ECDHE-ECDSA-AES128-GCM-SHA256/);
      const weak = await openssl(mta.ports.smtp, ...cipher('ECDHE-ECDSA-AES128-SHA'));
      expect(weak.stdout).toMatch(/Cipher is \(NONE\)/);
      const old = await openssl(mta.ports.smtp, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0');
      expect(old.stdout).toMatch(/Cipher is \(NONE\)/);
      expect((await openssl(modernPort)).stdout).toMatch(/New, TLSv1\.3, Cipher is TLS_/);
      expect((await openssl(modernPort, '-tls1_2')).stdout).toMatch(/Cipher is \(NONE\)/);
      const failed = await waitFor('the failed handshake in the log', () =>
        refusals().find(({ command, listener: name }) => command === 'TLS' && name === 'modern'),
      );
      expect(failed).toMatchObject({
        client: '127.0.0.1',
        reply: expect.stringContaining('unsupported protocol'),
      });
    });

    it.each(['-tls1_2', '-tls1_3'])('resumes its sessions with either worker: %s', async (version) => {
      const file = join(temporaryFolder('session'), 'session');
      const made = await openssl(mta.ports.smtp, version, '-sess_out', file);
      expect(made.stdout).toMatch(/^New, /m);
      // The kernel spreads connections: that all of them meet one worker has a chance of 2 in 2^16.
      for (let i = 0; i < 16; i++) {
        expect((await openssl(mta.ports.smtp, version, '-sess_in', file)).stdout).toMatch(/^Reused, /m);
      }
      expect((await openssl(strictPort, version, '-sess_in', file)).stdout).toMatch(/^New, /m);
    });
  });

  describe('swaks', () => {
    it('relays with a certificate that the listener names, and the log says whose it is', async () => {
      const done = await swaks(mta.ports.smtp, 'named@far.test', ...showing(gateway));
      expect(done.code).toBe(0);
      await waitFor('the message', () => sink.messages.find(({ to }) => to.includes('named@far.test')));
      const accepted = await waitFor('the line in the log', () =>
        mta.log().find(({ msg, to }) => msg === 'accepted' && String(to) === 'named@far.test'),
      );
      expect(accepted).toMatchObject({ certificate: 'gateway.partner.test', protocol: 'ESMTPS' });
    });

    it.each([
      ['none', () => [], '550 5.7.1 Relaying denied'],
      [
        'one that it does not name',
        () => showing(unnamed),
        'certificate of other.partner.test is not for relaying',
      ],
      [
        'one of another authority',
        () => showing(stranger),
        'client certificate: UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      ],
    ])('does not with %s, and hands over what is for us', async (what, certificate, why) => {
      const refused = await swaks(mta.ports.smtp, 'no@far.test', ...certificate());
      expect(refused.stdout).toContain(why);
      const local = `${what.replaceAll(' ', '-')}@ours.test`;
      expect((await swaks(mta.ports.smtp, local, ...certificate())).code).toBe(0);
      await waitFor('the message', () => inbox.messages.find(({ to }) => to.includes(local)));
      expect(sink.messages.some(({ to }) => to.includes('no@far.test'))).toBe(false);
    });

    it('gets nothing done without a certificate where one is required', async () => {
      const refused = await swaks(strictPort, 'no@ours.test');
      expect(refused.stdout).toContain(
        '554 5.7.0 Command refused due to lack of security: no client certificate',
      );
      expect(inbox.messages.some(({ to }) => to.includes('no@ours.test'))).toBe(false);
      expect((await swaks(strictPort, 'strict@ours.test', ...showing(unnamed))).code).toBe(0);
    });
  });

  it('a session goes on while its certificate is replaced, and the next handshake has the new one', async () => {
    const socket = connect({ port: modernPort, host: '127.0.0.1', rejectUnauthorized: false });
    const say = speaker(socket);
    expect(await say()).toMatch(/^220 /);
    expect(await say('EHLO open.test')).toMatch(/^250/);
    expect(await say('MAIL FROM:<x@elsewhere.test>')).toMatch(/^250/);
    const { crt, key } = servers.issue(['mx.renewed.test']);
    const file = join(mta.folder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    Object.assign(config.secrets, { 'mx.first.test/tls.crt': crt, 'mx.first.test/tls.key': key });
    writeFileSync(file, JSON.stringify({ ...config, revision: 2 }));
    mta.running.child.kill('SIGHUP');
    await waitFor('the new certificate', async () =>
      (await openssl(modernPort)).stdout.includes('subject=CN = mx.renewed.test\n'),
    );
    expect(socket.getPeerCertificate().subject.CN).toBe('mx.first.test');
    expect(await say('RCPT TO:<open@ours.test>')).toMatch(/^250/);
    expect(await say('DATA')).toMatch(/^354/);
    expect(await say('Subject: through\r\n\r\nhello\r\n.')).toMatch(/^250 /);
    await waitFor('the message', () => inbox.messages.find(({ to }) => to.includes('open@ours.test')));
    socket.destroy();
  });

  describeWith(['root', 'postfix'], 'Postfix', () => {
    const postfixes: Postfix[] = [];
    afterAll(() => Promise.all(postfixes.map((postfix) => postfix.stop())));

    /** That sends everything through the listener, over TLS, with or without a certificate. */
    async function sending(shown: Files | undefined): Promise<number> {
      const port = await freePort();
      const chain = join(temporaryFolder('chain'), 'chain.pem');
      if (shown) writeFileSync(chain, readFileSync(shown.key, 'utf8') + readFileSync(shown.crt, 'utf8'));
      postfixes.push(
        await startPostfix({
          folder: temporaryFolder('postfix'),
          port,
          mainCf: `
relayhost = [127.0.0.1]:${mta.ports.smtp}
smtp_tls_security_level = encrypt
${shown === undefined ? '' : `smtp_tls_chain_files = ${chain}`}
`,
        }),
      );
      return port;
    }
    const send = (port: number, to: string): Promise<Finished> =>
      run(program('swaks'), [
        '--server',
        '127.0.0.1',
        '--port',
        String(port),
        '--from',
        'a@b.test',
        '--to',
        to,
      ]);

    it('relays through us by its certificate', async () => {
      const port = await sending(gateway);
      expect((await send(port, 'postfix@far.test')).code).toBe(0);
      const { content } = await waitFor('the message', () =>
        sink.messages.find(({ to }) => to.includes('postfix@far.test')),
      );
      expect(content).toMatch(/^Received: from postfix\.test .*\r\n\tby mx\.test with ESMTPS /m);
    });

    it('is refused without one', async () => {
      const port = await sending(undefined);
      expect((await send(port, 'without@far.test')).code).toBe(0);
      await waitFor('the refusal', () =>
        refusals().find(({ command, to }) => command === 'RCPT' && to === 'without@far.test'),
      );
      expect(sink.messages.some(({ to }) => to.includes('without@far.test'))).toBe(false);
    });
  });
});

/** Sends a line, where there is one, and resolves with the whole reply to it. */
function speaker(socket: TLSSocket): (line?: string) => Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  return async (line) => {
    if (line !== undefined) socket.write(`${line}\r\n`);
    const reply = await waitFor('a reply', () => /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(text)?.[0]);
    text = text.slice(reply.length);
    return reply;
  };
}
