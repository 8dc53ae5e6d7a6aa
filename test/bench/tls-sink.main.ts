/**
 * One process of the sink that speaks TLS: takes mail after STARTTLS, and tells its parent what it has taken by now.
 * `node tls-sink.main.ts PORT CERTIFICATE-FILE KEY-FILE TICKET-KEYS-IN-HEX`; several share the port.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { SinkDialogue } from './sink-dialogue.ts';
import { GROUPS, type Taken } from './tls-load.ts';

const TELL_MS = 10;
const [port = '', certificateFile = '', keyFile = '', ticketKeys = ''] = process.argv.slice(2);
const secureContext = createSecureContext({
  cert: readFileSync(certificateFile),
  key: readFileSync(keyFile),
  minVersion: 'TLSv1.3',
  ecdhCurve: GROUPS,
  ticketKeys: Buffer.from(ticketKeys, 'hex'),
});

let taken: Taken = { messages: 0, handshakes: 0, resumed: 0 };
let told = taken;

function serve(socket: Socket, dialogue: SinkDialogue): void {
  socket.on('error', () => socket.destroy());
  const read = (chunk: Buffer): void => {
    const { replies, messages, next } = dialogue.push(chunk.toString('latin1'));
    if (messages > 0) taken = { ...taken, messages: taken.messages + messages };
    if (next === 'close') {
      socket.end(replies);
      return;
    }
    if (next === 'startTls') socket.off('data', read);
    if (replies !== '') socket.write(replies);
    if (next === 'startTls') secure(socket);
  };
  socket.on('data', read);
}

function secure(plain: Socket): void {
  const socket = new TLSSocket(plain, { isServer: true, secureContext });
  socket.once('secure', () => {
    const resumed = taken.resumed + Number(socket.isSessionReused());
    taken = { ...taken, handshakes: taken.handshakes + 1, resumed };
  });
  serve(socket, new SinkDialogue(true));
}

createServer({ noDelay: true }, (socket) => {
  serve(socket, new SinkDialogue(false));
  socket.write('220 sink.test ESMTP\r\n');
}).listen({ host: '127.0.0.1', port: Number(port), reusePort: true, backlog: 1000 }, () => {
  process.send?.('ready');
});

setInterval(() => {
  if (told === taken) return;
  told = taken;
  // It fails where the parent has gone meanwhile: so does this process, in an instant.
  process.send?.(taken, () => {});
}, TELL_MS);
process.once('disconnect', () => process.exit());
