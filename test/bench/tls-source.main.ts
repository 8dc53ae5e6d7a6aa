/**
 * One process of the source that speaks TLS: for each message a new connection, EHLO, STARTTLS, a handshake in which the
 * certificate is verified, EHLO, a transaction, QUIT. Sends as many as its parent asks for, whenever it does.
 * `node tls-source.main.ts PORT CERTIFICATE-FILE SESSIONS BYTES full|resumed`
 */
import { readFileSync } from 'node:fs';
import { createSecureContext, TLSSocket } from 'node:tls';
import { SmtpClient } from '../support/smtp-client.ts';
import { messageOf } from './latency.ts';
import { GROUPS, NAME, type PartSent } from './tls-load.ts';

const [port = '', certificateFile = '', sessions = '', bytes = '', how = ''] = process.argv.slice(2);
const secureContext = createSecureContext({
  ca: readFileSync(certificateFile),
  minVersion: 'TLSv1.3',
  ecdhCurve: GROUPS,
});
const content = `${messageOf(Number(bytes))}.`;

/** The ticket that each session got last, where it may offer one. */
const tickets: (Buffer | undefined)[] = Array.from({ length: Number(sessions) });

/** Resolves with ms from the final dot to its 250, and whether the TLS session was resumed. */
async function deliver(place: number): Promise<{ waitMs: number; resumed: boolean }> {
  const { client: clear, greeting } = await SmtpClient.connect(Number(port));
  if (greeting.code !== 220) throw new Error(`refused: ${greeting.text}`);
  await said(clear, 'EHLO source.test', 250);
  const session = tickets[place];
  const client = await clear.startTls({
    ...{ secureContext, servername: NAME },
    ...(session !== undefined && { session }),
  });
  const { socket } = client;
  if (!(socket instanceof TLSSocket)) throw new Error('TLS has not begun');
  if (how === 'resumed') {
    socket.on('session', (ticket: Buffer) => {
      tickets[place] = ticket;
    });
  }
  await said(client, 'EHLO source.test', 250);
  await said(client, 'MAIL FROM:<from@source.test>', 250);
  await said(client, 'RCPT TO:<to@sink.test>', 250);
  await said(client, 'DATA', 354);
  const began = performance.now();
  await said(client, content, 250);
  const waitMs = performance.now() - began;
  await said(client, 'QUIT', 221);
  const resumed = socket.isSessionReused();
  client.close();
  return { waitMs, resumed };
}

async function said(client: SmtpClient, line: string, expected: number): Promise<void> {
  const { code, text } = await client.command(line);
  if (code !== expected) throw new Error(`refused: ${text}`);
}

async function send(messages: number): Promise<PartSent> {
  const waits: number[] = [];
  let [left, resumed] = [messages, 0];
  const session = async (_: unknown, place: number) => {
    while (left > 0) {
      left -= 1;
      const delivered = await deliver(place);
      waits.push(delivered.waitMs);
      resumed += Number(delivered.resumed);
    }
  };
  await Promise.all(tickets.map(session));
  return { waits, resumed };
}

process.on('message', (messages: number) => {
  send(messages).then(
    (sent) => process.send?.(sent),
    (error: unknown) => {
      throw error;
    },
  );
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
