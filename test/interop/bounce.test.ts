/** What a real Postfix refuses comes back to its sender as a report, and nothing else does. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lmtpDomain, relay } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { runOk } from '../support/processes.ts';
import { queue } from '../support/queue.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['root', 'postfix', 'swaks'], 'a next hop that refuses', () => {
  let sink: Sink;
  let inbox: Sink;
  let postfix: Postfix;
  let mta: Mta;

  beforeAll(async () => {
    sink = await startSink();
    inbox = await startSink({ lmtp: true });
    const port = await freePort();
    postfix = await startPostfix({
      folder: temporaryFolder('postfix'),
      port,
      mainCf: `
relayhost = [127.0.0.1]:${sink.port}
relay_domains = far.test
relay_recipient_maps = inline:{known@far.test=yes}
smtpd_reject_unlisted_recipient = yes
`,
    });
    mta = await startMta({
      config: () => ({
        domains: [lmtpDomain('sender.test', inbox.port)],
        relays: [relay('outbound', '127.0.0.1', port)],
      }),
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await postfix?.stop();
    await sink?.close();
    await inbox?.close();
  });

  const send = (from: string, to: string) =>
    runOk(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(mta.ports.smtp), '--from', from, '--to', to],
      ...['--header', 'Subject: refused?'],
    ]);
  const emptied = () => waitFor('an empty queue', async () => (await queue(mta)).messages === 0);

  it('makes a bounce for the refused recipient, and the other one gets the message', async () => {
    await send('anna@sender.test', 'known@far.test,unknown@far.test');
    const bounce = await waitFor('the bounce', () => inbox.messages[0]);
    await waitFor('the message behind Postfix', () => sink.messages[0]);
    await emptied();

    expect(sink.messages.flatMap(({ to }) => to)).toEqual(['known@far.test']);
    expect(inbox.messages).toHaveLength(1);
    expect(bounce.from).toBe('');
    expect(bounce.to).toEqual(['anna@sender.test']);
    expect(bounce.content).toMatch(
      /^Content-Type: multipart\/report; *(?:\r\n\s+)?report-type=delivery-status/m,
    );
    expect(bounce.content).toMatch(/^Final-Recipient: rfc822; ?unknown@far\.test\r$/im);
    expect(bounce.content).toMatch(/^Action: failed\r$/im);
    expect(bounce.content).toMatch(/^Status: 5\.1\.1\r$/im);
    expect(bounce.content).toMatch(/^Diagnostic-Code: smtp; ?550 5\.1\.1 <unknown@far\.test>/im);
    expect(bounce.content).not.toMatch(/^Final-Recipient: rfc822; ?known@far\.test\r$/im);
    expect(bounce.content).toContain('Subject: refused?');
  });

  it('makes none for the null reverse-path', async () => {
    const before = inbox.messages.length;
    await send('<>', 'unknown@far.test');
    await emptied();
    expect(inbox.messages).toHaveLength(before);
  });
});
