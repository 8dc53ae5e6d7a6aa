/**
 * Commands and content out, replies in, over a session that has been greeted. Whatever ends it (a lost connection, a
 * deadline, garbage, a reply that nobody asked for) fails it once and for good: the socket is destroyed, and whoever
 * waits gets the error.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { SmtpError, smtpError } from '../errors.ts';
import { Deadline } from './deadline.ts';
import { type Reply, ReplyReader, sanitize } from './reply.ts';

/** Written in one piece, so that progress is seen piece by piece; the socket's own high-water mark. */
const BLOCK = 64 * 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is asked about
const NON_ASCII = /[^\u0000-\u007f]/;
/** How long a peer may take to close after QUIT. */
const QUIT_SECONDS = 5;

export class Dialogue {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #remote: string;
  readonly #reader = new ReplyReader();
  readonly #replies: Reply[] = [];
  readonly #deadline: Deadline;
  /** Replies that are owed to us. */
  #expected = 0;
  /** Who waits: for a reply, or for the socket to take more. */
  #waiting: PromiseWithResolvers<Reply> | undefined;
  #draining: PromiseWithResolvers<void> | undefined;
  #failure: SmtpError | undefined;
  /** Called once when the dialogue fails, or ends while nobody waits. */
  onFailure: (() => void) | undefined;
  /** Resolves when the connection is closed on both sides, or given up. */
  readonly closed: Promise<void>;

  constructor(socket: Duplex, clock: Clock, remote: string) {
    this.#socket = socket;
    this.#clock = clock;
    this.#remote = remote;
    this.#deadline = new Deadline(clock, (what) =>
      this.fail(smtpError('nextHopTimeout', { detail: `waiting for ${what}`, closes: true })),
    );
    this.closed = socket.closed
      ? Promise.resolve()
      : new Promise((resolve) => void socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error) =>
      this.fail(smtpError('connectionLost', { detail: sanitize(error.message), closes: true, cause: error })),
    );
    socket.on('close', () => this.fail(smtpError('connectionLost', { closes: true })));
    if (socket.destroyed || !socket.writable) {
      this.fail(smtpError('connectionLost', { closes: true }));
    }
  }

  get failure(): SmtpError | undefined {
    return this.#failure;
  }

  /** Sends commands, each with its CRLF, and expects a reply to each. */
  send(commands: readonly string[]): void {
    this.#expected += commands.length;
    const text = commands.join('');
    this.#socket.write(text, NON_ASCII.test(text) ? 'utf8' : 'latin1');
  }

  /** Sends content as it goes over the wire; resolves when the socket takes more. `seconds` are for each block. */
  async write(content: Buffer, seconds: number): Promise<void> {
    for (let at = 0; at < content.length; at += BLOCK) {
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      if (
        !this.#socket.write(at === 0 && content.length <= BLOCK ? content : content.subarray(at, at + BLOCK))
      ) {
        this.#draining = Promise.withResolvers();
        this.#deadline.set(seconds, 'the next hop to take the content');
        await this.#draining.promise;
      }
    }
  }

  /** The last of the content and what ends it, in one write; `replies` answer it. */
  finish(content: Buffer, end: Buffer, replies: number): void {
    this.#expected += replies;
    this.#socket.write(content.length > 0 ? Buffer.concat([content, end]) : end);
  }

  /** The next reply; `what` is what it answers. Rejects when the dialogue fails, and fails it after `seconds`. */
  async reply(seconds: number, what: string): Promise<Reply> {
    const ready = this.#replies.shift();
    if (ready !== undefined) {
      return ready;
    }
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    this.#waiting = Promise.withResolvers();
    this.#deadline.set(seconds, `the reply to ${what}`);
    return this.#waiting.promise;
  }

  /** Ends the dialogue at once: nothing that was written and not yet sent will be. */
  fail(error: SmtpError): void {
    if (this.#failure !== undefined) {
      return;
    }
    this.#failure = error;
    this.#deadline.end();
    this.#socket.destroy();
    this.#waiting?.reject(error);
    this.#draining?.reject(error);
    this.onFailure?.();
  }

  /** RFC 5321 §4.1.1.10: QUIT, and the peer closes; who does not is left after a while. */
  quit(): void {
    if (this.#failure !== undefined) {
      return;
    }
    this.#failure = smtpError('connectionLost', { detail: 'closed by us', closes: true });
    this.#deadline.end();
    const socket = this.#socket;
    socket.removeAllListeners('data');
    socket.resume();
    socket.end('QUIT\r\n');
    const cancel = this.#clock.after(QUIT_SECONDS * 1000, () => socket.destroy());
    socket.once('close', cancel);
  }

  #drained(): void {
    if (this.#draining !== undefined) {
      this.#deadline.clear();
      this.#draining.resolve();
      this.#draining = undefined;
    }
  }

  #receive(chunk: Buffer): void {
    try {
      for (const reply of this.#reader.push(chunk)) {
        this.#take(reply);
      }
    } catch (error) {
      this.fail(error as SmtpError);
    }
  }

  #take(reply: Reply): void {
    if (this.#failure !== undefined) {
      return;
    }
    if (this.#expected === 0) {
      // A refusal in the midst of the content, or the 421 of a server that goes away (RFC 5321 §3.8).
      this.fail(
        reply.code >= 400
          ? this.refusal(reply, true)
          : smtpError('garbageReply', { detail: 'a reply to nothing', remote: this.#remote, closes: true }),
      );
      return;
    }
    this.#expected -= 1;
    if (this.#waiting === undefined) {
      this.#replies.push(reply);
    } else {
      this.#deadline.clear();
      this.#waiting.resolve(reply);
      this.#waiting = undefined;
    }
  }

  /** A reply of the next hop as the error that it is. */
  refusal(reply: Reply, closes = reply.code === 421): SmtpError {
    return new SmtpError(reply.code, reply.enhanced, reply.text, {
      blame: 'nextHop',
      remote: this.#remote,
      closes,
    });
  }
}
