/** A plain SMTP client that sends what it is told to, byte for byte, and reads replies. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
  readonly text: string;
}

export class SmtpClient {
  readonly socket: Socket;
  #buffer = '';
  #lines: string[] = [];
  #replies: Reply[] = [];
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => this.#read(String(chunk)));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed')));
  }

  /**
   * Connects and reads the greeting.
   *
   * @param patienceMs after so long without a byte the connection counts as lost
   */
  static async connect(
    port: number,
    host = '127.0.0.1',
    patienceMs = 0,
  ): Promise<{ client: SmtpClient; greeting: Reply }> {
    const client = new SmtpClient(connect({ port, host, timeout: patienceMs }));
    client.socket.on('timeout', () => client.socket.destroy(new Error(`no byte for ${patienceMs} ms`)));
    return { client, greeting: await client.reply() };
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }

  #read(chunk: string): void {
    this.#buffer += chunk;
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 2);
      this.#lines.push(line);
      if (line[3] === '-') continue;
      const lines = this.#lines;
      this.#lines = [];
      const reply = { code: Number(line.slice(0, 3)), lines, text: lines.join('\n') };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#replies.push(reply);
      else waiting.resolve(reply);
    }
  }

  /** The next reply; rejects when the connection ends before it. */
  reply(): Promise<Reply> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  command(line: string): Promise<Reply> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** STARTTLS and the handshake. Resolves with the client that goes on within TLS; this one is of no more use. */
  async startTls(options: ConnectionOptions): Promise<SmtpClient> {
    const { code, text } = await this.command('STARTTLS');
    if (code !== 220) throw new Error(`refused: ${text}`);
    this.socket.removeAllListeners('data');
    const secured = connectTls({ ...options, socket: this.socket });
    const client = new SmtpClient(secured);
    await once(secured, 'secureConnect');
    return client;
  }

  /** A whole transaction; resolves with the reply that ended it: to the final dot, or the first refusal. */
  async send(message: { from: string; to: readonly string[]; content: string | Buffer }): Promise<Reply> {
    const mail = await this.command(`MAIL FROM:<${message.from}>`);
    if (mail.code !== 250) return mail;
    for (const to of message.to) {
      const rcpt = await this.command(`RCPT TO:<${to}>`);
      if (rcpt.code !== 250) return rcpt;
    }
    const data = await this.command('DATA');
    if (data.code !== 354) return data;
    this.write(message.content);
    return this.command('.');
  }

  close(): void {
    this.socket.destroy();
  }
}
