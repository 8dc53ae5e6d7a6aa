/** examples/inbound-webhook in local mode: its manifests, and its receiver, as a person runs them on a laptop. */
import { randomBytes } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/folders.ts';
import { ROOT } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Running, start } from '../support/processes.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const EXAMPLE = join(ROOT, 'examples/inbound-webhook');
const newKey = () => `whsec_${randomBytes(32).toString('base64')}`;

describe('the example of a webhook', () => {
  const folder = temporaryFolder('webhook');
  const manifests = join(folder, 'manifests');
  const mail = join(folder, 'mail');
  const firstKey = newKey();
  let ports: { smtp: number; control: number; health: number; inbox: number };
  let receiverPort: number;
  let receiver: Running;
  let running: Running;

  const writeKeys = (...keys: string[]) =>
    writeFileSync(
      join(manifests, 'key.yaml'),
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'webhook-key' } },
        stringData: { key: keys.join('\n') },
      }),
    );
  const startReceiver = async (key: string) => {
    const env = {
      ...process.env,
      WEBHOOK_KEY: key,
      PORT: String(receiverPort),
      FOLDER: mail,
      KNOWN: 'anna,bert',
    };
    const log = join(folder, 'receiver.log');
    receiver = start(process.execPath, [join(EXAMPLE, 'receiver/server.mjs')], log, { env });
    // It answers everything that isn't POST.
    await waitFor(
      'the receiver',
      async () => (await fetch(`http://127.0.0.1:${receiverPort}/`)).status === 405,
    );
  };
  const changed = (name: string, change: (text: string) => string) =>
    writeFileSync(join(manifests, name), change(readFileSync(join(EXAMPLE, name), 'utf8')));

  beforeAll(async () => {
    receiverPort = await freePort();
    ports = {
      ...{ smtp: await freePort(), control: await freePort() },
      ...{ health: await freePort(), inbox: await freePort() },
    };
    cpSync(EXAMPLE, manifests, {
      recursive: true,
      filter: (path) => !/receiver|kustomization|README/.test(path),
    });
    changed(
      'mta.yaml',
      (text) =>
        `${text.replace(/certificateRef:\s+name: mx-tls/, 'mode: STARTTLS')}  delivery: {retry: {initial: 1s, max: 2s}}\n`,
    );
    changed('domain.yaml', (text) => text.replace(/http:\/\/\S+/, `http://127.0.0.1:${receiverPort}/mail`));
    writeKeys(firstKey);
    await startReceiver(firstKey);
    const given = Object.entries(ports).flatMap(([name, port]) => ['--port', `${name}=${port}`]);
    running = start(
      process.execPath,
      [join(ROOT, 'cli/main.ts'), 'up', manifests, '--state', join(folder, 'state'), ...given],
      join(folder, 'output.log'),
    );
    await waitFor('the mta to be ready', async () => {
      if (running.ended() !== undefined) throw new Error(running.output());
      return (await fetch(`http://127.0.0.1:${ports.health}/readyz`)).ok;
    });
  });
  afterAll(async () => {
    await running?.stop('SIGINT');
    await receiver?.stop();
  });

  const send = async (from: string, to: readonly string[], content: string | Buffer) => {
    const { client } = await SmtpClient.connect(ports.smtp);
    await client.command('EHLO client.test');
    const reply = await client.send({ from, to, content });
    client.close();
    expect(reply.code).toBe(250);
    return /queued as (\S+)/.exec(reply.text)![1]!;
  };
  /** Files of one address, in the order of their names. */
  const kept = (address: string): string[] => {
    const at = join(mail, encodeURIComponent(address));
    return readdirSync(at)
      .filter((name) => name.endsWith('.eml'))
      .map((name) => readFileSync(join(at, name), 'latin1'));
  };
  const arrived = (address: string, text: string) =>
    waitFor(`${text} for ${address}`, () => kept(address).find((message) => message.includes(text)));

  it('posts a message once for all of its recipients, byte for byte', async () => {
    const content = Buffer.from('Subject: first\r\n\r\n..a dot\r\nGrüße, \xff\r\n', 'latin1');
    const id = await send('you@example.com', ['anna@example.org', 'bert@example.org'], content);
    for (const to of ['anna@example.org', 'bert@example.org']) {
      const message = await arrived(to, 'Subject: first');
      expect(message).toContain(`with ESMTP id ${id}`);
      // Its first dot was for SMTP alone.
      expect(message.endsWith('Subject: first\r\n\r\n.a dot\r\nGrüße, \xff\r\n')).toBe(true);
    }
  });

  it('takes a large message', async () => {
    const line = `${'x'.repeat(998)}\r\n`;
    await send('you@example.com', ['anna@example.org'], `Subject: large\r\n\r\n${line.repeat(5000)}`);
    const message = await arrived('anna@example.org', 'Subject: large');
    expect(message.length).toBeGreaterThan(5_000_000);
  });

  it('bounces for whom the receiver does not know, and for nobody else', async () => {
    await send(
      'bert@example.org',
      ['anna@example.org', 'nobody@example.org'],
      'Subject: second\r\n\r\nx\r\n',
    );
    await arrived('anna@example.org', 'Subject: second');
    // The report goes the same way.
    const bounce = await arrived('bert@example.org', 'Undelivered mail');
    expect(bounce).toMatch(
      /^Final-Recipient: rfc822; nobody@example\.org\r\nAction: failed\r\nStatus: 5\.1\.1\r$/m,
    );
    expect(bounce).toMatch(
      /^Diagnostic-Code: x-http; 207 Multi-Status, bounced: nobody here has this\r\n address\r$/m,
    );
    expect(bounce).not.toContain('Final-Recipient: rfc822; anna@example.org');
  });

  it('keeps mail while the receiver is away', async () => {
    await receiver.stop();
    await send('you@example.com', ['anna@example.org'], 'Subject: third\r\n\r\nx\r\n');
    await startReceiver(firstKey);
    await arrived('anna@example.org', 'Subject: third');
  });

  it('keeps mail while it signs with a key that the receiver does not know, and signs with two', async () => {
    const secondKey = newKey();
    await receiver.stop();
    await startReceiver(secondKey);
    const id = await send('you@example.com', ['anna@example.org'], 'Subject: fourth\r\n\r\nx\r\n');
    const log = () => readFileSync(join(folder, 'state/mta.log'), 'utf8').split('\n');
    await waitFor('a refusal', () =>
      log().some((line) => line.includes(`"id":"${id}"`) && line.includes('451 4.3.5 HTTP 401 Unauthorized')),
    );
    writeKeys(firstKey, secondKey);
    await arrived('anna@example.org', 'Subject: fourth');
  });
});
