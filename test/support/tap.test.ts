import { afterEach, expect, it } from 'vitest';
import { type Sink, startSink } from './sink.ts';
import { SmtpClient } from './smtp-client.ts';
import { startTap, type Tap } from './tap.ts';
import { waitFor } from './wait.ts';

let sink: Sink;
let tap: Tap;
afterEach(async () => {
  await tap.close();
  await sink.close();
});

async function connect(): Promise<SmtpClient> {
  sink = await startSink();
  tap = await startTap(sink.port);
  const { client } = await SmtpClient.connect(tap.port);
  await client.command('EHLO x');
  return client;
}

it('keeps the transactions of a session apart, and sees who waits for replies', async () => {
  const client = await connect();
  await client.send({ from: 'a@b', to: ['one@d'], content: 'first\r\n' });
  client.write('MAIL FROM:<a@b> SIZE=8\r\nRCPT TO:<two@d>\r\nDATA\r\n');
  for (let replies = 0; replies < 3; replies += 1) await client.reply();
  client.write('second\r\n.\r\n');
  await client.reply();
  client.close();

  expect(tap.transaction('one@d')).toEqual({
    client: 'MAIL FROM:<a@b>\r\nRCPT TO:<one@d>\r\nDATA\r\nfirst\r\n.\r\n',
    ...{ mail: 'MAIL FROM:<a@b>', rcpt: 'RCPT TO:<one@d>', before: 'EHLO x\r\n', isPipelined: false },
    server: expect.stringMatching(/^250 2\.1\.0 ok\r\n/),
  });
  expect(tap.transaction('two@d')).toMatchObject({
    client: 'MAIL FROM:<a@b> SIZE=8\r\nRCPT TO:<two@d>\r\nDATA\r\nsecond\r\n.\r\n',
    ...{ mail: 'MAIL FROM:<a@b> SIZE=8', isPipelined: true },
  });
  expect(tap.transaction('three@d')).toBeUndefined();
});

it('passes on what is answered after the client has closed its side', async () => {
  const client = await connect();
  await client.command('MAIL FROM:<a@b>');
  await client.command('RCPT TO:<c@d>');
  await client.command('DATA');
  client.socket.end('x\r\n.\r\n');
  expect((await client.reply()).code).toBe(250);
  await waitFor('the message', () => sink.messages.length === 1);
});
