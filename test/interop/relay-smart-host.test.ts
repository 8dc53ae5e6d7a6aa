/** Mail for other domains goes through a real Postfix as smart host: over TLS, with AUTH-less trust in 127.0.0.0/8. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { relay } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { runOk } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { selfSigned } from '../support/tls.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['root', 'postfix', 'swaks', 'smtp-source', 'openssl'], 'relaying by smart host', () => {
  let sink: Sink;
  let postfix: Postfix;
  let mta: Mta;

  beforeAll(async () => {
    sink = await startSink();
    const port = await freePort();
    const tls = await selfSigned('postfix.test');
    postfix = await startPostfix({
      folder: temporaryFolder('postfix'),
      port,
      mainCf: `
relayhost = [127.0.0.1]:${sink.port}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_chain_files = ${tls.keyFile}, ${tls.certificateFile}
`,
    });
    mta = await startMta({
      config: () => ({
        relays: [
          relay('rewriting', '127.0.0.1', port, {
            match: { recipientDomains: ['*'], senderDomains: ['pod.test'], users: [] },
            rewrite: {
              envelopeFrom: [{ from: '*@pod.test', to: 'ops@example.test' }],
              headerFrom: [{ from: '*@pod.test', to: 'ops@example.test' }],
            },
          }),
          relay('outbound', '127.0.0.1', port),
        ],
      }),
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await postfix?.stop();
    await sink?.close();
  });

  const behindPostfix = (address: string) =>
    waitFor('the message behind Postfix', () => sink.messages.find(({ to }) => to.includes(address)));

  it('with STARTTLS, since Postfix offers it', async () => {
    await runOk(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(mta.ports.smtp), '--from', 'anna@sender.test'],
      ...['--to', 'bob@far.test', '--header', 'Subject: through a smart host'],
    ]);
    const { content } = await behindPostfix('bob@far.test');
    expect(content).toMatch(/\(using TLSv1\.3 with cipher [\s\S]*?by postfix\.test/);
    expect(content).toContain('Subject: through a smart host');
  });

  it('with the sender rewritten where the relay says so', async () => {
    await runOk(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(mta.ports.smtp), '--from', 'root@pod.test'],
      ...['--to', 'carl@far.test', '--header', 'From: "Cron" <root@pod.test>'],
    ]);
    const message = await behindPostfix('carl@far.test');
    expect(message.from).toBe('ops@example.test');
    expect(message.content).toMatch(/^From: "Cron" <ops@example\.test>\r$/m);
  });

  it('a hundred messages of smtp-source, each once', async () => {
    await runOk(program('smtp-source'), [
      ...['-s', '10', '-m', '100', '-l', '4096', '-f', 'x@sender.test', '-t', 'many@far.test', '-N'],
      `127.0.0.1:${mta.ports.smtp}`,
    ]);
    const found = () =>
      sink.messages.filter(({ to }) => to.some((address) => address.endsWith('many@far.test')));
    await waitFor('a hundred messages', () => found().length >= 100);
    await waitFor('an empty queue of Postfix', async () => (await postfix.queue()).includes('is empty'));
    expect(new Set(found().flatMap(({ to }) => to)).size).toBe(100);
    expect(found()).toHaveLength(100);
  });
});
