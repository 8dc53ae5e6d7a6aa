/**
 * One connection to a webhook, and one request at a time on it: the messages of HTTP are Node's, the socket and the
 * deadlines are ours. Whatever ends it (a lost connection, a deadline, garbage, an answer that nobody asked for) fails
 * it once and for good: the socket is destroyed, and whoever waits gets the error.
 */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { type SmtpError, smtpError } from '../../errors.ts';
import type { NextHop } from '../../route/types.ts';
import { Deadline } from '../deadline.ts';
import { sanitize } from '../reply.ts';
import type { Answer } from './answer.ts';

/** Largest body of an answer that is read. */
export const LARGEST_ANSWER = 1024 * 1024;

/** The pool closes what is idle long before. */
const LONGEST_IDLE_MS = 86_400_000;

/** Hands out the one socket that there is, and keeps it alive between requests, for as long as the server says. */
class OneSocket extends Agent {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    // Node heeds a server's `Keep-Alive: timeout` only where it is shorter than one of our own.
    super({ keepAlive: true, maxSockets: 1, timeout: LONGEST_IDLE_MS });
    this.#socket = socket;
  }

  override createConnection(): Socket {
    return this.#socket;
  }
}

export class HttpLine {
  readonly hop: NextHop;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #agent: OneSocket;
  readonly #deadline: Deadline;
  #post: Post | undefined;
  #failure: SmtpError | undefined;
  #isLast = false;
  /** Called once when the connection fails, or ends while nobody waits. */
  onFailure: (() => void) | undefined;

  constructor(socket: Socket, hop: NextHop, clock: Clock) {
    this.hop = hop;
    this.#socket = socket;
    this.#agent = new OneSocket(socket);
    this.#deadline = new Deadline(clock, (what) =>
      this.fail(smtpError('nextHopTimeout', { detail: `waiting for ${what}`, closes: true })),
    );
    this.closed = new Promise((resolve) => void socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.on('close', () => this.lost(smtpError('connectionLost', { closes: true })));
    // An answer to nothing must not be taken for that of the next request: some versions of Node see to it, for some sockets.
    this.#agent.on('free', () => {
      if (this.#post === undefined) socket.on('data', this.#unasked);
    });
    if (socket.destroyed) this.lost(smtpError('connectionLost', { closes: true }));
  }

  get failure(): SmtpError | undefined {
    return this.#failure;
  }

  /** Whether the other side wants no more requests on it. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /** Begins a request; its body is written to it. */
  post(path: string, headers: Readonly<Record<string, string | number>>): Post {
    if (this.#failure !== undefined) throw this.#failure;
    this.#socket.off('data', this.#unasked);
    const { host, port } = this.hop;
    const client = request({ agent: this.#agent, method: 'POST', host, port, path, headers, setHost: false });
    const post = new Post(client, this, this.#deadline);
    this.#post = post;
    return post;
  }

  /** Ends the connection at once: nothing that was written and not yet sent will be. */
  fail(error: SmtpError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#deadline.end();
    this.#socket.destroy();
    this.#post?.failed(error);
    this.onFailure?.();
  }

  /** It was ended by the other side, or by what is between. */
  lost(error: SmtpError): void {
    if (this.#failure === undefined && this.#post?.isAnswered === false) this.#post.isUnheard = true;
    this.fail(error);
  }

  /** A request is over. */
  done(isLast: boolean): void {
    this.#post = undefined;
    this.#deadline.clear();
    this.#isLast ||= isLast;
  }

  readonly #unasked = (): void =>
    this.fail(smtpError('garbageReply', { detail: 'an answer to nothing', closes: true }));
}

/** One request: its body out, its answer in. */
export class Post {
  readonly #client: ClientRequest;
  readonly #line: HttpLine;
  readonly #deadline: Deadline;
  readonly #answer = Promise.withResolvers<Answer>();
  #draining: PromiseWithResolvers<void> | undefined;
  /** An answer has begun. */
  isAnswered = false;
  /** It began before all of the request was sent. */
  isEarly = false;
  /** The connection was ended by the other side before any of an answer came. */
  isUnheard = false;

  constructor(client: ClientRequest, line: HttpLine, deadline: Deadline) {
    this.#client = client;
    this.#line = line;
    this.#deadline = deadline;
    // It may fail while its body is still being written.
    this.#answer.promise.catch(() => {});
    client.on('response', (message: IncomingMessage) => this.#receive(message));
    client.on('drain', () => this.#drained());
    client.on('error', (error) =>
      isGarbage(error) ? line.fail(translate(error)) : line.lost(translate(error)),
    );
  }

  /** Resolves when the socket takes more, or when there is an answer already; `seconds` are for this block. */
  async write(block: Buffer, seconds: number): Promise<void> {
    if (this.#line.failure !== undefined) throw this.#line.failure;
    if (this.isAnswered || this.#client.write(block)) return;
    this.#draining = Promise.withResolvers();
    this.#deadline.set(seconds, 'the webhook to take the message');
    await this.#draining.promise;
  }

  /** The last block. */
  end(block: Buffer): void {
    this.#client.end(block);
  }

  /** The whole of the answer, however many bytes trickle in, within `seconds`. */
  answer(seconds: number): Promise<Answer> {
    this.#deadline.set(seconds, 'the answer');
    return this.#answer.promise;
  }

  failed(error: SmtpError): void {
    this.#draining?.reject(error);
    this.#answer.reject(error);
  }

  #drained(): void {
    if (this.#draining === undefined) return;
    this.#deadline.clear();
    this.#draining.resolve();
    this.#draining = undefined;
  }

  #receive(message: IncomingMessage): void {
    this.isAnswered = true;
    this.isEarly = !this.#client.writableFinished;
    this.#drained();
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (body: Buffer | undefined): void => {
      const isLast = body === undefined || this.isEarly || !this.#client.shouldKeepAlive;
      this.#line.done(isLast);
      const { statusCode: status = 0, statusMessage: reason = '', headers } = message;
      this.#answer.resolve({ status, reason, headers, body });
    };
    message.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > LARGEST_ANSWER) {
        settle(undefined);
        this.#client.destroy();
      } else chunks.push(chunk);
    });
    message.on('error', (error) => this.#line.fail(translate(error)));
    message.on('end', () => settle(Buffer.concat(chunks)));
  }
}

/** What Node's parser of HTTP says. */
const isGarbage = (error: Error): boolean => ((error as NodeJS.ErrnoException).code ?? '').startsWith('HPE_');

/** Node's errors as entries of the catalogue. */
const translate = (error: Error): SmtpError =>
  smtpError(isGarbage(error) ? 'garbageReply' : 'connectionLost', {
    ...{ detail: sanitize(error.message, 200), closes: true, cause: error },
  });
