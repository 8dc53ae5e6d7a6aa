/** Mail for a domain of ours, from three real clients, is delivered to Dovecot by LMTP and read back by IMAP. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lmtpDomain } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { type Dovecot, startDovecot } from '../support/dovecot.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { run, runOk } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['root', 'dovecot', 'curl', 'swaks', 'smtp-source'], 'inbound mail to Dovecot by LMTP', () => {
  let dovecot: Dovecot;
  let mta: Mta;

  beforeAll(async () => {
    dovecot = await startDovecot();
    mta = await startMta({
      config: () => ({
        domains: [
          lmtpDomain('example.test', dovecot.lmtpPort),
          lmtpDomain('list.test', dovecot.lmtpPort, { recipients: { mode: 'list', list: ['anna'] } }),
        ],
      }),
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await dovecot?.stop();
  });

  const arrived = (user: string, count = 1) =>
    waitFor(`${count} messages for ${user}`, async () => {
      const found = await dovecot.inbox(user);
      return found.length >= count && found;
    });

  it('from curl', async () => {
    const message =
      'From: <curl@client.test>\r\nSubject: from curl\r\n\r\n.a line that begins with a dot\r\n';
    await runOk(
      program('curl'),
      [
        ...['-sS', `smtp://127.0.0.1:${mta.ports.smtp}`, '--mail-from', 'curl@client.test'],
        ...['--mail-rcpt', 'from-curl@example.test', '--upload-file', '-'],
      ],
      { input: message },
    );
    const [text] = await arrived('from-curl');
    expect(text).toMatch(/^Return-Path: <curl@client\.test>\r\n/m);
    expect(text).toMatch(/^Received: from .*by mx\.test .*with ESMTP/ms);
    expect(text?.endsWith(message)).toBe(true);
  });

  it('from swaks, to two recipients', async () => {
    await runOk(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(mta.ports.smtp), '--from', 'swaks@client.test'],
      ...['--to', 'swaks-a@example.test,swaks-b@example.test', '--header', 'Subject: from swaks'],
    ]);
    for (const user of ['swaks-a', 'swaks-b']) {
      expect((await arrived(user))[0]).toContain('Subject: from swaks');
    }
  });

  it('from smtp-source, thirty of them in five sessions', async () => {
    await runOk(program('smtp-source'), [
      ...['-s', '5', '-m', '30', '-l', '5000', '-f', 'source@client.test', '-t', 'source@example.test'],
      `127.0.0.1:${mta.ports.smtp}`,
    ]);
    expect(await arrived('source', 30)).toHaveLength(30);
  });

  it('and a recipient that the list of its domain does not have is refused at RCPT', async () => {
    const swaks = (to: string) =>
      run(program('swaks'), [
        ...['--server', '127.0.0.1', '--port', String(mta.ports.smtp), '--from', 'x@client.test', '--to', to],
      ]);
    const refused = await swaks('nobody@list.test');
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toMatch(/<\*\* 550 5\.1\.1 /);
    expect((await swaks('anna@list.test')).code).toBe(0);
    expect((await swaks('postmaster@list.test')).code).toBe(0);
    await arrived('anna');
  });
});
