/** Mail for other domains goes to a real Postfix that real DNS names as MX. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DELIVERY } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { type Dns, startDns } from '../support/dns.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { runOk } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['root', 'postfix', 'swaks', 'nsd', 'unbound'], 'relaying by MX', () => {
  let sink: Sink;
  let returned: Sink;
  let postfix: Postfix;
  let dns: Dns;
  let mta: Mta;

  beforeAll(async () => {
    sink = await startSink();
    returned = await startSink({ lmtp: true });
    const port = await freePort('127.0.0.2');
    postfix = await startPostfix({
      folder: temporaryFolder('postfix'),
      address: '127.0.0.2',
      port,
      mainCf: `relayhost = [127.0.0.1]:${sink.port}\n`,
    });
    dns = await startDns({
      // The preferred host has an address where nothing listens.
      'example.test': ['@ MX 10 down', '@ MX 20 up', 'down A 127.0.0.9', 'up A 127.0.0.2'],
      'address.test': ['@ A 127.0.0.2'],
      'null.test': ['@ MX 0 .'],
      'empty.test': ['@ TXT "no mail here"'],
    });
    mta = await startMta({
      config: () => ({
        delivery: { ...DELIVERY, mxPort: port },
        resolver: { servers: [dns.server], timeoutSeconds: 2 },
        domains: [
          {
            resource: 'MailDomain/test/sender.test',
            domain: 'sender.test',
            aliases: [],
            target: { type: 'lmtp', hosts: [{ host: '127.0.0.1', port: returned.port }] },
            trusted: true,
            recipients: { mode: 'any', list: [] },
          },
        ],
      }),
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await postfix?.stop();
    await dns?.stop();
    await sink?.close();
    await returned?.close();
  });

  const send = (to: string) =>
    runOk(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(mta.ports.smtp), '--from', 'anna@sender.test'],
      ...['--to', to, '--header', `Subject: to ${to}`],
    ]);
  const bounceAbout = (address: string) =>
    waitFor(`a bounce about ${address}`, () =>
      returned.messages.find(({ content }) =>
        new RegExp(`^Final-Recipient: rfc822; ?${address}\r`, 'im').test(content),
      ),
    );

  it('falls to the next preference where the first host is down', async () => {
    await send('bob@example.test');
    const message = await waitFor('the message behind Postfix', () =>
      sink.messages.find(({ to }) => to.includes('bob@example.test')),
    );
    expect(message.from).toBe('anna@sender.test');
    expect(message.content).toMatch(/^Received: from mx\.test .*by postfix\.test \(Postfix\)/ms);
    expect(message.content).toMatch(/^Received: .*by mx\.test/ms);
    expect(message.content).toContain('Subject: to bob@example.test');
  });

  it('uses the address of a domain without MX', async () => {
    await send('carl@address.test');
    await waitFor('the message behind Postfix', () =>
      sink.messages.find(({ to }) => to.includes('carl@address.test')),
    );
  });

  it.each([
    ['null.test', '5.1.10'],
    ['absent.test', '5.1.2'],
    ['empty.test', '5.4.4'],
  ])('bounces mail for %s at once with %s', async (domain, status) => {
    await send(`dora@${domain}`);
    const bounce = await bounceAbout(`dora@${domain}`);
    expect(bounce.from).toBe('');
    expect(bounce.content).toMatch(new RegExp(`^Status: ${status.replaceAll('.', '\\.')}\r`, 'im'));
  });

  it('keeps one message whole on its way through Postfix: dots, 8-bit text, long lines', async () => {
    const lines = ['.', '..', '.x', 'grüße', 'x'.repeat(990), ''];
    const content = `From: <anna@sender.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${lines.join('\r\n')}`;
    const stuffed = content.replaceAll('\r\n.', '\r\n..');
    const { client } = await SmtpClient.connect(mta.ports.smtp);
    await client.command('EHLO client.test');
    const reply = await client.send({
      from: 'anna@sender.test',
      to: ['whole@example.test'],
      content: Buffer.from(stuffed),
    });
    client.close();
    expect(reply.code).toBe(250);
    const message = await waitFor('the message behind Postfix', () =>
      sink.messages.find(({ to }) => to.includes('whole@example.test')),
    );
    expect(message.content.endsWith(Buffer.from(content).toString('latin1'))).toBe(true);
  });
});
