/** What becomes of content that the next hop can't take, with a real Postfix as next hop and as client; what it can take is in foreign/. */
import PostalMime from 'postal-mime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { relay } from '../support/config.ts';
import { describeWith } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { type Delivered, type Sink, startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['root', 'postfix'], 'content that the next hop can not take, with Postfix', () => {
  /** Knows PIPELINING, 8BITMIME and SIZE, and nothing else. */
  let sink: Sink;
  let postfix: Postfix;
  let postfixPort: number;
  let mta: Mta;

  beforeAll(async () => {
    sink = await startSink();
    postfixPort = await freePort();
    // Mail for postfix.test goes from us to Postfix, for ours.test from Postfix to us, and all other to the sink.
    mta = await startMta({
      config: () => ({
        relays: [
          relay('postfix', '127.0.0.1', postfixPort, {
            match: { recipientDomains: ['postfix.test'], senderDomains: [], users: [] },
          }),
          relay('sink', '127.0.0.1', sink.port),
        ],
      }),
    });
    postfix = await startPostfix({
      folder: temporaryFolder('postfix'),
      port: postfixPort,
      mainCf: `
relayhost = [127.0.0.1]:${sink.port}
transport_maps = inline:{ ours.test=smtp:[127.0.0.1]:${mta.ports.smtp} }
smtputf8_enable = yes
`,
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await postfix?.stop();
    await sink?.close();
  });

  async function send(port: number, commands: readonly string[], content: string | Buffer): Promise<void> {
    const { client } = await SmtpClient.connect(port);
    for (const command of ['EHLO client.test', ...commands]) {
      const { code, text } = await client.command(Buffer.from(command).toString('latin1'));
      expect(code, text).toBe(command === 'DATA' ? 354 : 250);
    }
    client.write(content);
    if (commands.at(-1) === 'DATA') client.write('.\r\n');
    expect((await client.reply()).code).toBe(250);
    client.close();
  }
  const at = (address: string, isWanted: (message: Delivered) => boolean = () => true) =>
    waitFor(`mail for ${address}`, () =>
      sink.messages.find((each) => each.to.includes(address) && isWanted(each)),
    );

  it('SMTPUTF8: from Postfix to us, and bounced by us where our next hop can not', async () => {
    await send(
      postfixPort,
      ['MAIL FROM:<four@sender.test> SMTPUTF8', 'RCPT TO:<eve@ours.test>', 'DATA'],
      Buffer.from('Subject: Grüße\r\n\r\nx\r\n'),
    );
    const { content } = await at('four@sender.test');
    expect(content).toMatch(/^Reporting-MTA: dns; mx\.test\r$/m);
    expect(content).toMatch(/^Status: 5\.6\.9\r$/m);
  });

  it('BINARYMIME: what Postfix can not take is converted, and arrives as it was', async () => {
    const binary = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7) % 256));
    const head =
      'Subject: five\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n';
    const message = Buffer.concat([Buffer.from(head), binary]);
    await send(
      mta.ports.smtp,
      ['MAIL FROM:<five@sender.test> BODY=BINARYMIME', 'RCPT TO:<five@postfix.test>'],
      Buffer.concat([Buffer.from(`BDAT ${message.length} LAST\r\n`), message]),
    );
    const { content } = await at('five@postfix.test');
    const [part] = (await PostalMime.parse(Buffer.from(content, 'latin1'))).attachments;
    expect(Buffer.from(part!.content as ArrayBuffer).equals(binary)).toBe(true);
  });
});
