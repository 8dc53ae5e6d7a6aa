/** Mail that a real Postfix hands to us by LMTP, with a reply for each recipient; and swaks. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listener, lmtpDomain } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { run, runOk } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['root', 'postfix', 'swaks'], 'LMTP in', () => {
  /** Where the domains' mail goes from us. */
  let store: Sink;
  /** Where Postfix's own reports go. */
  let senders: Sink;
  let postfix: Postfix;
  let postfixPort: number;
  let lmtpPort: number;
  let mta: Mta;

  beforeAll(async () => {
    store = await startSink({ lmtp: true });
    senders = await startSink();
    [postfixPort, lmtpPort] = [await freePort(), await freePort()];
    const lmtp = listener(lmtpPort, { name: 'lmtp', role: 'lmtp', relayFrom: [] });
    mta = await startMta({
      config: (_folder, ports) => ({
        listeners: [listener(ports.smtp), lmtp],
        domains: [
          lmtpDomain('ours.test', store.port, { recipients: { mode: 'list', list: ['anna', 'bob'] } }),
          lmtpDomain('small.test', store.port, { messageSize: 2000 }),
        ],
      }),
    });
    const nextHop = `lmtp:inet:127.0.0.1:${lmtpPort}`;
    postfix = await startPostfix({
      folder: temporaryFolder('postfix'),
      port: postfixPort,
      // Without SIZE, what is too large for one recipient is known only at the end of the content.
      mainCf: `
relayhost = [127.0.0.1]:${senders.port}
transport_maps = inline:{ {ours.test=${nextHop}}, {small.test=${nextHop}} }
lmtp_discard_lhlo_keywords = size
lmtp_tls_security_level = none
`,
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await postfix?.stop();
    await store?.close();
    await senders?.close();
  });

  const swaks = (port: number, to: readonly string[], ...more: string[]) => [
    ...['--server', '127.0.0.1', '--port', String(port), '--from', 'sender@client.test'],
    ...['--to', to.join(','), ...more],
  ];

  it('from Postfix: one message for who has it, and one report for who was refused at RCPT or at the end', async () => {
    const to = ['anna@ours.test', 'nobody@ours.test', 'carol@small.test', 'bob@ours.test'];
    const subject = ['--header', 'Subject: by LMTP'];
    await runOk(
      program('swaks'),
      swaks(postfixPort, to, ...subject, '--body', 'x'.repeat(70).concat('\n').repeat(40)),
    );
    const report = await waitFor('the report of Postfix', () => senders.messages[0]);
    const accepted = await waitFor('the line of the log', () =>
      mta.log().find(({ msg }) => msg === 'accepted'),
    );
    expect(accepted).toMatchObject({ listener: 'lmtp', protocol: 'LMTP', from: 'sender@client.test' });
    await waitFor('both to be delivered', () => store.messages.flatMap((each) => each.to).length === 2);
    expect(store.messages.flatMap((each) => each.to).sort()).toEqual(['anna@ours.test', 'bob@ours.test']);
    expect(store.messages[0]!.content).toMatch(/^\s+by mx\.test with LMTP id /m);
    const status = (address: string) =>
      new RegExp(`^Final-Recipient: rfc822; ${address}\r\n(?:\\S.*\r\n)*?Status: (\\S+)\r$`, 'm').exec(
        report.content,
      )?.[1];
    expect(report.to).toEqual(['sender@client.test']);
    expect(status('nobody@ours.test')).toBe('5.1.1');
    expect(status('carol@small.test')).toBe('5.3.4');
    expect(report.content).toMatch(/552 5\.3\.4 [\s\S]*in reply to end of DATA/);
    expect(report.content).not.toMatch(/^Final-Recipient: rfc822; (anna|bob)@/m);
    await waitFor('an empty queue of Postfix', async () => (await postfix.queue()).includes('is empty'));
    expect(senders.messages).toHaveLength(1);
  });

  it('from swaks, by LMTP itself', async () => {
    const before = store.messages.length;
    const { code, stdout } = await run(program('swaks'), [
      ...swaks(lmtpPort, ['anna@ours.test', 'bob@ours.test'], '--protocol', 'LMTP'),
    ]);
    expect(code, stdout).toBe(0);
    expect(stdout.match(/^<- {2}250 2\.0\.0 Ok: queued as /gm)).toHaveLength(2);
    const recipients = () => store.messages.slice(before).flatMap(({ to }) => to);
    await waitFor('both to be delivered', () => recipients().length === 2);
    expect(recipients().sort()).toEqual(['anna@ours.test', 'bob@ours.test']);
  });

  it('and SMTP that comes to the wrong port is refused', async () => {
    const { code, stdout } = await run(program('swaks'), swaks(lmtpPort, ['anna@ours.test']));
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/^<\*\* 500 5\.5\.2 /m);
  });
});
