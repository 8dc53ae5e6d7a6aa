/** RFC 5321 §4.1.4: the name in EHLO names the host that sends. Here a whole pod, whose name it is told at its start. */
import { afterEach, expect, it } from 'vitest';
import { lmtpDomain } from '../support/config.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

let mta: Mta | undefined;
let sink: Sink | undefined;
afterEach(async () => {
  await mta?.stop();
  await sink?.close();
});

it('each pod of a fleet gives the name that egress.hostname has for it', async () => {
  sink = await startSink({ lmtp: true });
  const { port } = sink;
  mta = await startMta({
    args: ['--name', 'mta-12'],
    config: () => ({
      domains: [lmtpDomain('ours.test', port)],
      egress: { allow: ['127.0.0.0/8'], hostname: 'mx{ordinal}.{pod}.out.test' },
    }),
  });
  const { client } = await SmtpClient.connect(mta.ports.smtp);
  await client.command('EHLO client.test');
  await client.send({ from: 'a@test', to: ['b@ours.test'], content: 'Subject: x\r\n\r\nx\r\n' });
  client.close();
  const [message] = await waitFor('the message', () =>
    sink!.messages.length > 0 ? sink!.messages : undefined,
  );
  expect(message!.helo).toBe('mx12.mta-12.out.test');
});
