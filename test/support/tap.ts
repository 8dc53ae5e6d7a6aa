/**
 * A TCP proxy between an SMTP client and its server that passes everything on as it comes, and keeps what each said and how far the
 * client had come by then: what clients do with an extension shows on the wire alone.
 */
import { connect, createServer, type Socket } from 'node:net';

export interface Tap {
  readonly port: number;
  /** The latest transaction with this recipient; undefined where there was none. */
  transaction(recipient: string): TappedTransaction | undefined;
  close(): Promise<void>;
}

export interface TappedTransaction {
  /** MAIL, RCPT, and DATA or BDAT with the content, as Latin-1: from the MAIL to the next one, or to the end of the session. */
  readonly client: string;
  /** What the client has said in the session until then. */
  readonly before: string;
  /** What the server has said from then on. */
  readonly server: string;
  /** The line of MAIL, and the one of this recipient's RCPT. */
  readonly mail: string;
  readonly rcpt: string;
  /** RCPT was sent before anything came in answer to MAIL (RFC 2920 §3.1). */
  readonly isPipelined: boolean;
}

/** What the client had sent when the server said this, in bytes; and how much the server had said before. */
interface Answer {
  readonly at: number;
  readonly from: number;
}

class Session {
  client = '';
  server = '';
  readonly #answers: Answer[] = [];

  answered(text: string): void {
    this.#answers.push({ at: this.client.length, from: this.server.length });
    this.server += text;
  }

  transaction(recipient: string): TappedTransaction | undefined {
    const wanted = Buffer.from(recipient).toString('latin1');
    const rcptAt = this.client.lastIndexOf(`RCPT TO:<${wanted}>`);
    if (rcptAt < 0) return undefined;
    const start = this.client.lastIndexOf('MAIL FROM:', rcptAt);
    const next = this.client.indexOf('\r\nMAIL FROM:', rcptAt);
    const client = this.client.slice(start, next < 0 ? undefined : next + 2);
    const lineAt = (at: number) => this.client.slice(at, this.client.indexOf('\r\n', at));
    const mail = lineAt(start);
    const mailEnd = start + mail.length;
    const firstAnswer = this.#answers.find(({ at }) => at > mailEnd);
    return {
      ...{ client, mail, rcpt: lineAt(rcptAt), before: this.client.slice(0, start) },
      server: firstAnswer === undefined ? '' : this.server.slice(firstAnswer.from),
      isPipelined: !this.#answers.some(({ at }) => at > mailEnd && at <= rcptAt),
    };
  }
}

/** @param to port on 127.0.0.1 */
export async function startTap(to: number): Promise<Tap> {
  const sessions: Session[] = [];
  const sockets = new Set<Socket>();
  // Exim says that it has nothing more to say while it waits for the last reply: each side ends by itself.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const session = new Session();
    sessions.push(session);
    const upstream = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => {
        const text = chunk.toString('latin1');
        if (from === client) session.client += text;
        else session.answered(text);
        other.write(chunk);
      });
      from.on('end', () => other.end());
      from.on('error', () => other.destroy());
      from.on('close', () => sockets.delete(from));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the tap has no port');
  return {
    port: address.port,
    transaction: (recipient) =>
      sessions
        .map((session) => session.transaction(recipient))
        .filter((each) => each !== undefined)
        .at(-1),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
