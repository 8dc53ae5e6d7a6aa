/**
 * An SMTP or LMTP server that takes everything, or answers what the test wants, and keeps what it took. It speaks no
 * TLS and knows just the commands that a relaying client sends.
 */
import { createServer, type Server, type Socket } from 'node:net';

export interface Delivered {
  readonly from: string;
  readonly to: readonly string[];
  /** Unstuffed, without the final dot. */
  readonly content: string;
  /** The name that the client gave of itself. */
  readonly helo: string;
}

export interface SinkOptions {
  readonly port?: number;
  readonly host?: string;
  readonly lmtp?: boolean;
  /** Announced beside its own: ones that need nothing of it but to take what comes. */
  readonly extensions?: readonly string[];
  /** Where it is given, messages are handed to it and not kept. */
  readonly onMessage?: (message: Delivered) => void;
  /** A reply to a RCPT that is not 250. */
  readonly rcpt?: (address: string) => string | undefined;
  /** A reply to the final dot that is not 250; by recipient in LMTP. */
  readonly data?: (address: string) => string | undefined;
  /** Ms to wait before each final reply. */
  readonly delayMs?: number | (() => number);
  /** Called when the reply to the final dot of a message that was taken has been written. */
  readonly onReplied?: (message: Delivered) => void;
}

export interface Sink {
  readonly port: number;
  readonly messages: readonly Delivered[];
  connections(): number;
  /** The most that were open at a time. */
  mostOpen(): number;
  close(): Promise<void>;
}

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const messages: Delivered[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let most = 0;
  const onMessage = options.onMessage ?? ((message: Delivered) => messages.push(message));
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    most = Math.max(most, sockets.size);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket, options, onMessage);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  return {
    port: portOf(server),
    messages,
    connections: () => connections,
    mostOpen: () => most,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the sink has no port');
  return address.port;
}

function serve(socket: Socket, options: SinkOptions, onMessage: (message: Delivered) => void): void {
  let buffer = '';
  let helo = '';
  let from = '';
  let to: string[] = [];
  let inData = false;
  const say = (line: string) => socket.write(`${line}\r\n`);

  const command = (line: string) => {
    const verb = line.slice(0, 4).toUpperCase();
    const address = /<(.*?)>/.exec(line)?.[1] ?? '';
    if (verb === 'EHLO' || verb === 'LHLO') {
      helo = line.slice(5);
      const extensions = ['PIPELINING', '8BITMIME', 'SIZE', ...(options.extensions ?? [])];
      say(
        [...['sink.test', ...extensions].map((each) => `250-${each}`), '250 ENHANCEDSTATUSCODES'].join(
          '\r\n',
        ),
      );
    } else if (verb === 'MAIL') {
      from = address;
      to = [];
      say('250 2.1.0 ok');
    } else if (verb === 'RCPT') {
      const refusal = options.rcpt?.(address);
      if (refusal === undefined) to.push(address);
      say(refusal ?? '250 2.1.5 ok');
    } else if (verb === 'DATA') {
      inData = to.length > 0;
      say(inData ? '354 go on' : '554 5.5.1 no valid recipients');
    } else if (verb === 'QUIT') {
      socket.end('221 2.0.0 bye\r\n');
    } else if (verb === 'HELO' || verb === 'RSET' || verb === 'NOOP') {
      to = [];
      say('250 2.0.0 ok');
    } else {
      say('500 5.5.2 what?');
    }
  };

  const message = (content: string) => {
    const unstuffed = content.startsWith('.') ? content.slice(1) : content;
    const refusals = to.map((address) => options.data?.(address));
    const taken = to.filter((_, index) => refusals[index] === undefined);
    const delivered = { from, to: taken, content: unstuffed.replaceAll('\r\n.', '\r\n'), helo };
    if (taken.length > 0) onMessage(delivered);
    const replies = options.lmtp === true ? refusals : [refusals.find((refusal) => refusal !== undefined)];
    const answer = () => {
      for (const reply of replies) say(reply ?? '250 2.0.0 taken');
      if (taken.length > 0) options.onReplied?.(delivered);
    };
    const delay = typeof options.delayMs === 'function' ? options.delayMs() : options.delayMs;
    if (delay === undefined) answer();
    else setTimeout(answer, delay);
    to = [];
  };

  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  say('220 sink.test ESMTP');
  // Content is kept in pieces: joining and searching all of it at each chunk takes minutes for 100 MB.
  let pieces: string[] = [];
  let tail = '\r\n';
  const data = (chunk: string): string | undefined => {
    const seen = tail + chunk;
    const end = seen.indexOf('\r\n.\r\n');
    if (end < 0) {
      pieces.push(chunk);
      tail = seen.slice(-4);
      return undefined;
    }
    const after = end + 5 - tail.length;
    const content = (pieces.join('') + chunk.slice(0, Math.max(0, after))).slice(0, -3);
    pieces = [];
    tail = '\r\n';
    inData = false;
    message(content);
    return chunk.slice(Math.max(0, after));
  };
  socket.on('data', (chunk) => {
    buffer += String(chunk);
    for (;;) {
      if (inData) {
        const rest = data(buffer);
        buffer = rest ?? '';
        if (rest === undefined) return;
      } else {
        const end = buffer.indexOf('\r\n');
        if (end < 0) return;
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        command(line);
      }
    }
  });
}
