import { afterEach, expect, it } from 'vitest';
import { type Sink, startSink } from './sink.ts';
import { SmtpClient } from './smtp-client.ts';
import { waitFor } from './wait.ts';

let sink: Sink;
afterEach(() => sink.close());

const CONTENT = 'Subject: x\r\n\r\n.dot\r\n..\r\n\r\nend\r\n';
const STUFFED = `${CONTENT.replaceAll('\r\n.', '\r\n..')}.\r\n`;

it.each([1, 2, 3, 4, 5, 7, 1000])('reads content that comes in pieces of %i bytes', async (size) => {
  sink = await startSink();
  const { client } = await SmtpClient.connect(sink.port);
  await client.command('EHLO x');
  for (const text of [STUFFED, '.\r\n']) {
    await client.command('MAIL FROM:<a@b>');
    await client.command('RCPT TO:<c@d>');
    await client.command('DATA');
    for (let at = 0; at < text.length; at += size) {
      client.write(text.slice(at, at + size));
      await new Promise(setImmediate);
    }
    expect((await client.reply()).code).toBe(250);
  }
  client.close();
  await waitFor('both messages', () => sink.messages.length === 2);
  expect(sink.messages.map(({ content }) => content)).toEqual([CONTENT, '']);
});

it('answers by recipient in LMTP', async () => {
  sink = await startSink({ lmtp: true, data: (to) => (to === 'no@d' ? '550 5.1.1 no' : undefined) });
  const { client } = await SmtpClient.connect(sink.port);
  await client.command('LHLO x');
  expect((await client.send({ from: 'a@b', to: ['yes@d', 'no@d'], content: 'x\r\n' })).code).toBe(250);
  expect((await client.reply()).code).toBe(550);
  client.close();
  expect(sink.messages).toEqual([{ from: 'a@b', to: ['yes@d'], helo: 'x', content: 'x\r\n' }]);
});
