/**
 * Connections of owners who fetch their mail, in the worker that has them: each is lent to one borrower at a time, which
 * sends and receives over it, and gives it back. A borrower that is not heard for a while has died with the conversation:
 * then the connection ends, as nobody knows how that stands.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { LineState } from './messages.ts';

export interface Received {
  readonly data: Buffer;
  /** Nothing more will come. */
  readonly ended: boolean;
}

/** What a borrower does with a connection that is lent to it. Rejects with `TransferOver` where that is no more. */
export interface Lent {
  /** Resolves when more may be sent. */
  send(data: Buffer): Promise<void>;
  /** What has come, or nothing where nothing comes for some seconds. */
  receive(): Promise<Received>;
  /** Whoever waits for words goes without: the borrower has stopped, and the next one's are not for it. */
  interrupt(): Promise<void>;
}

/** Longest wait for the owner's next words, in one call. */
const RECEIVE_MS = 10_000;
/** A borrower calls at least every `RECEIVE_MS`. */
const SILENCE_MS = 45_000;
/** Read ahead of the borrower. */
const BUFFERED = 128 * 1024;

class LentConnection {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  #chunks: Buffer[] = [];
  #size = 0;
  #ended = false;
  /** Asked for before there was anybody to interrupt: calls may overtake each other on their way. */
  #interrupted = false;
  #wake: () => void = () => {};

  constructor(socket: Duplex, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      if (this.#size > BUFFERED) socket.pause();
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    for (const event of ['end', 'close', 'error']) socket.on(event, end);
    if (socket.destroyed) end();
  }

  async send(data: Buffer): Promise<void> {
    if (this.#ended) throw over('the connection has ended');
    if (this.#socket.write(data)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once('drain', resolve);
    this.#socket.once('close', resolve);
    await promise;
    this.#socket.off('drain', resolve);
    this.#socket.off('close', resolve);
  }

  async receive(): Promise<Received> {
    if (this.#size === 0 && !this.#ended && !this.#interrupted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const cancel = this.#clock.after(RECEIVE_MS, resolve);
      this.#wake = resolve;
      await promise;
      cancel();
    }
    this.#interrupted = false;
    const data = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#size = 0;
    if (!this.#ended) this.#socket.resume();
    return { data, ended: this.#ended };
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#wake();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

interface Loan {
  readonly connection: LentConnection;
  readonly over: PromiseWithResolvers<LineState>;
  /** Monotonic ms of the last call. */
  seen: number;
}

export class Loans {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #nameOf: (id: string) => string;
  readonly #loans = new Map<string, Loan>();
  readonly #connections = new WeakMap<Duplex, LentConnection>();

  /** @param nameOf makes a loan's name, which others reach this worker by */
  constructor(clock: Clock, random: Random, nameOf: (id: string) => string) {
    this.#clock = clock;
    this.#random = random;
    this.#nameOf = nameOf;
  }

  /** Lends a connection; `over` resolves when it is given back, or is no good any more. */
  lend(socket: Duplex): { readonly name: string; readonly over: Promise<LineState> } {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      connection = new LentConnection(socket, this.#clock);
      this.#connections.set(socket, connection);
    }
    const name = this.#nameOf(this.#random.bytes(9).toString('hex'));
    const loan: Loan = { connection, over: Promise.withResolvers(), seen: this.#clock.monotonic() };
    this.#loans.set(name, loan);
    this.#watch(name, loan);
    return { name, over: loan.over.promise };
  }

  /** What the borrower does with it. */
  lent(name: string): Lent {
    return {
      send: (data) => this.#of(name).connection.send(data),
      receive: () => this.#of(name).connection.receive(),
      interrupt: async () => this.#of(name).connection.interrupt(),
    };
  }

  /** The borrower has nothing more for it. */
  giveBack(name: string, state: LineState): void {
    const loan = this.#loans.get(name);
    if (loan === undefined) return;
    this.#loans.delete(name);
    loan.connection.interrupt();
    if (!state.alive) loan.connection.destroy();
    loan.over.resolve(state);
  }

  #of(name: string): Loan {
    const loan = this.#loans.get(name);
    if (loan === undefined) throw over('the loan is over');
    loan.seen = this.#clock.monotonic();
    return loan;
  }

  #watch(name: string, loan: Loan): void {
    const left = loan.seen + SILENCE_MS - this.#clock.monotonic();
    this.#clock.after(Math.max(left, 1), () => {
      if (this.#loans.get(name) !== loan) return;
      if (this.#clock.monotonic() - loan.seen < SILENCE_MS) this.#watch(name, loan);
      else this.giveBack(name, { alive: false, needsReset: true });
    });
  }
}

const over = (why: string) => new PostriderError('TransferOver', why);
