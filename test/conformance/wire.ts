/**
 * The client side of an SMTP dialogue, byte by byte: sends exactly what it is told, reads replies, and says when the
 * server closed. Every wait is bounded.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

const PATIENCE_MS = 10_000;

export interface Reply {
  readonly code: number;
  /** `2.1.0`, of the last line; undefined where there is none. */
  readonly enhanced: string | undefined;
  /** Texts behind code and separator, one for each line. */
  readonly lines: readonly string[];
  /** `250 2.1.0`, or `250`. */
  readonly status: string;
}

export interface ConnectOptions {
  /** From the first byte. */
  readonly tls?: boolean | ConnectionOptions;
  readonly localAddress?: string;
}

export class Wire {
  #socket: Socket;
  readonly #raw: Socket;
  #received = '';
  #ended = false;
  #wake: () => void = () => {};
  readonly chunks: string[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#raw = socket;
    this.#listen(socket);
  }

  static async connect(port: number, options: ConnectOptions = {}): Promise<Wire> {
    const { localAddress } = options;
    const where = { host: '127.0.0.1', port, ...(localAddress === undefined ? {} : { localAddress }) };
    const tls = typeof options.tls === 'object' ? options.tls : {};
    const socket = options.tls ? connectTls({ ...where, rejectUnauthorized: false, ...tls }) : connect(where);
    socket.setNoDelay(true);
    await once(socket, options.tls ? 'secureConnect' : 'connect');
    return new Wire(socket);
  }

  /** Connects, takes the greeting, and says EHLO, or LHLO. */
  static async hello(
    port: number,
    options: ConnectOptions & { readonly verb?: 'EHLO' | 'LHLO' } = {},
  ): Promise<Wire> {
    const wire = await Wire.connect(port, options);
    await wire.reply();
    await wire.command(`${options.verb ?? 'EHLO'} client.test`);
    return wire;
  }

  /** What is spoken over now: the one of TLS, where that is on. */
  get socket(): Socket {
    return this.#socket;
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves when the bytes are with the kernel. */
  async sendAll(bytes: Buffer): Promise<void> {
    if (!this.#socket.write(bytes)) await once(this.#socket, 'drain');
  }

  /** Sends a line and reads one reply. */
  async command(line: string): Promise<Reply> {
    this.send(`${line}\r\n`);
    return await this.reply();
  }

  /** The status of one reply to each line: `250 2.1.0`. */
  async dialogue(...lines: string[]): Promise<string[]> {
    const statuses: string[] = [];
    for (const line of lines) statuses.push((await this.command(line)).status);
    return statuses;
  }

  /** MAIL, RCPT and DATA; the content is the caller's. */
  async startContent(to = 'anna@example.test'): Promise<void> {
    const statuses = await this.dialogue('MAIL FROM:<x@elsewhere.test>', `RCPT TO:<${to}>`, 'DATA');
    if (statuses.at(-1) !== '354') throw new Error(`no content is wanted: ${statuses.join(', ')}`);
  }

  async reply(): Promise<Reply> {
    await this.#until(() => COMPLETE.test(this.#received), 'a reply');
    const text = COMPLETE.exec(this.#received)![0];
    this.#received = this.#received.slice(text.length);
    const rows = text.slice(0, -2).split('\r\n');
    const last = rows.at(-1)!;
    const enhanced = /^\d{3} ([245]\.\d{1,3}\.\d{1,3})(?: |$)/.exec(last)?.[1];
    const code = Number(last.slice(0, 3));
    return {
      code,
      enhanced,
      lines: rows.map((row) => row.slice(4)),
      status: enhanced === undefined ? `${code}` : `${code} ${enhanced}`,
    };
  }

  /** The next line without its CRLF: what the other side says when it is the client. */
  async line(): Promise<string> {
    await this.#until(() => this.#received.includes('\r\n'), 'a line');
    const end = this.#received.indexOf('\r\n');
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    return line;
  }

  async replies(count: number): Promise<string[]> {
    const statuses: string[] = [];
    while (statuses.length < count) statuses.push((await this.reply()).status);
    return statuses;
  }

  /** Resolves with what was said and not read when the server has closed its side. */
  async closed(): Promise<string> {
    await this.#until(() => this.#ended, 'the end of the connection');
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#ended;
  }

  /** The handshake after the reply to STARTTLS. */
  async startTls(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const plain = this.#socket;
    for (const event of ['data', 'end', 'close', 'error']) plain.removeAllListeners(event);
    const secured = connectTls({ socket: plain, rejectUnauthorized: false, ...options });
    this.#socket = secured;
    this.#listen(secured);
    await once(secured, 'secureConnect');
    return secured;
  }

  /** Closes our side, and waits for the other. */
  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#until(() => this.#ended, 'the end of the connection');
  }

  /** Cuts the connection with a reset, as a machine does that has gone away and come back. */
  reset(): void {
    this.#raw.resetAndDestroy();
  }

  /** Closes our side, and goes on reading. */
  finish(): void {
    this.#socket.end();
  }

  /** Stops reading, as a client that has hung does. */
  stopReading(): void {
    this.#socket.pause();
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk) => {
      this.chunks.push(chunk.toString('latin1'));
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0 || (this.#ended && what === 'a reply')) {
        throw new Error(`waited for ${what}, have ${JSON.stringify(this.#received)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** A reply with all of its lines. */
const COMPLETE = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/;
