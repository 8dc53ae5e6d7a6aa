/**
 * One client's connection: reads, lets the dialogue answer, writes a pipelined group's replies in one go (RFC 2920
 * §3.2), and keeps the deadlines. What is being done decides what input means: commands, the exchange of AUTH, content
 * after 354, or nothing while an answer is being made (then reading stops, so that a client can't run ahead).
 *
 * Ends with QUIT, with a reply that closes, with the client's going away, or by a deadline. Content that has not been
 * answered 250 by then is aborted in the sink, but for content whose commit has begun.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { asSmtpError, type SmtpError, smtpError } from '../errors.ts';
import type { MailLog } from '../log/types.ts';
import { LONGEST_AUTH_LINE } from './authentication.ts';
import { verbOf } from './command-line.ts';
import { Deadlines, type Expiry } from './deadlines.ts';
import { type Answer, Dialogue, type Turned } from './dialogue.ts';
import type { DialogueClient } from './dialogue-client.ts';
import { handshake, type Secured } from './handshake.ts';
import { BARE, Input, type Line, TOO_LONG } from './input.ts';
import type { Ending, Reception } from './reception.ts';
import { Refusals } from './refusals.ts';
import { checkSecurity } from './security.ts';
import type { Acceptor } from './types.ts';

export interface SessionDeps {
  readonly acceptor: Acceptor;
  readonly clock: Clock;
  readonly log: Pick<MailLog, 'refused'>;
  hostname(): string;
  /** Starts TLS over a socket; the result emits `secure`. */
  readonly secure: (socket: Socket) => TLSSocket;
  /** The connection is gone; told once. */
  closed(session: Session): void;
}

// How long a client may take to read the last reply and close its side.
const LINGER_MS = 5_000;

type Doing = 'commands' | 'response' | 'content' | 'answering' | 'handshake' | 'turned' | 'closing';

export class Session {
  readonly #deps: SessionDeps;
  readonly #dialogue: Dialogue;
  readonly #refusals: Refusals;
  readonly #client: DialogueClient;
  readonly #input = new Input(LONGEST_AUTH_LINE + 32);
  readonly #deadlines: Deadlines;
  #socket: Socket;
  #doing: Doing = 'commands';
  #reception: Reception | undefined;
  #output = '';
  #bytes = 0;
  #writable = true;
  #stopping = false;
  #ended = false;
  #cancelLinger: () => void = () => {};

  constructor(socket: Socket, client: DialogueClient, deps: SessionDeps) {
    this.#socket = socket;
    this.#client = client;
    this.#deps = deps;
    this.#dialogue = new Dialogue(client, deps.acceptor, deps.hostname, () => deps.clock.now());
    this.#refusals = new Refusals(this.#dialogue, deps.log, deps.hostname);
    const { sessionSeconds } = client.listener.limits;
    this.#deadlines = new Deadlines(deps.clock, sessionSeconds, (why) => this.#expire(why));
  }

  /** Greets, or refuses with `refused` and closes. */
  start(refused: SmtpError | undefined): void {
    this.#attach(this.#socket);
    try {
      if (refused !== undefined) throw refused;
      this.#lookAtPeer();
      this.#send(this.#dialogue.greet());
      this.#flush();
    } catch (error) {
      this.#fail(asSmtpError(error));
    }
  }

  /** Ends at once unless content is on its way; then after its answer (RFC 5321 §3.8). */
  stop(): void {
    this.#stopping = true;
    if (this.#doing === 'commands' || this.#doing === 'response') this.#fail(smtpError('serviceShutdown'));
    else if (this.#doing === 'handshake') this.#socket.destroy();
  }

  get address(): string | undefined {
    return this.#client.address;
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  get #limits() {
    return this.#client.listener.limits;
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#peerEnded());
    // A lost connection is told by `close`; there is nobody left to tell more.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed(socket));
  }

  #receive(chunk: Buffer): void {
    if (this.#doing === 'closing' || this.#doing === 'handshake') return;
    this.#bytes += chunk.length;
    this.#input.push(chunk);
    const { sessionBytes } = this.#limits;
    if (this.#doing === 'answering') this.#socket.pause();
    else if (sessionBytes > 0 && this.#bytes > sessionBytes) this.#fail(smtpError('sessionTooLarge'));
    else this.#run();
  }

  /** Works through what has arrived, until more is needed or an answer takes time. */
  #run(): void {
    while (this.#input.pending && this.#writable) {
      if (this.#doing === 'content') this.#readContent(this.#reception!);
      else if (this.#doing === 'commands' || this.#doing === 'response') {
        const line = this.#input.next();
        if (line === undefined) break;
        this.#readLine(line);
      } else break;
      if (this.#output.length > 16_384) this.#flush();
    }
    this.#flush();
    if (this.#ended) this.#hangUp();
  }

  #readLine(line: Line): void {
    if (line === BARE) {
      this.#fail(smtpError('bareNewline', { closes: true }));
      return;
    }
    const exchange = this.#doing === 'response';
    this.#doing = 'commands';
    const verb = exchange ? 'AUTH' : verbOf(line);
    try {
      if (line === TOO_LONG) throw smtpError(exchange ? 'authLineTooLong' : 'lineTooLong');
      this.#take(exchange ? this.#dialogue.response(line) : this.#dialogue.command(line), verb);
    } catch (error) {
      this.#refuse(error, verb, line);
    }
    this.#deadlines.waitForClient();
  }

  #take(answer: Answer, verb: string): void {
    if (typeof answer === 'string') {
      this.#send(answer);
    } else if (answer instanceof Promise) {
      this.#answerLater(answer, verb);
    } else if (answer.next === 'content') {
      this.#send(answer.reply);
      this.#startContent(answer.reception);
    } else if (answer.next === 'response') {
      this.#send(answer.reply);
      this.#doing = 'response';
    } else if (answer.next === 'startTls') {
      this.#startTls(answer.reply);
    } else {
      this.#close(answer.reply, this.#input.pending || this.#client.tls !== undefined);
    }
  }

  #startContent(reception: Reception): void {
    this.#reception = reception;
    // A chunk of no octets.
    if (reception.complete) {
      this.#endContent(reception);
      return;
    }
    this.#doing = 'content';
    this.#deadlines.startContent(this.#limits.minDataRate, () => reception.received);
  }

  #readContent(reception: Reception): void {
    const chunk = this.#input.take();
    let consumed: number;
    try {
      consumed = reception.push(chunk);
    } catch (error) {
      this.#fail(asSmtpError(error));
      return;
    }
    this.#deadlines.waitForClient();
    if (reception.complete) {
      this.#deadlines.endContent();
      this.#input.putBack(chunk.subarray(consumed));
      this.#endContent(reception);
      return;
    }
    if (reception.refused?.closes) {
      this.#fail(reception.refused);
      return;
    }
    const wait = reception.ready();
    if (wait !== undefined) this.#waitForSink(wait);
  }

  /** Reading stops while the sink is full; the time that takes is not the client's. */
  #waitForSink(wait: Promise<void>): void {
    this.#doing = 'answering';
    this.#deadlines.pause();
    this.#socket.pause();
    void wait.then(() => {
      if (this.#doing !== 'answering') return;
      this.#doing = 'content';
      this.#goOn();
    });
  }

  #endContent(reception: Reception): void {
    // The answer of a sink that is still busy with what was written comes first: it may be a refusal.
    const wait = reception.ready();
    const committed = wait === undefined ? reception.commit() : wait.then(() => reception.commit());
    this.#answerLater(committed, reception.command);
  }

  #answerLater(answer: Promise<string | Turned | readonly Ending[]>, verb: string): void {
    this.#doing = 'answering';
    this.#deadlines.pause();
    this.#flush();
    if (this.#input.pending || verb === 'AUTH') this.#socket.pause();
    void answer.then(
      (given) => {
        if (typeof given === 'string') this.#answered(() => this.#send(given), true);
        else if ('turn' in given) this.#turn(given);
        else this.#answered(() => this.#send(this.#refusals.ofContent(given, verb)), true);
      },
      (error: unknown) => this.#answered(() => this.#refuse(error, verb), false),
    );
  }

  #answered(say: () => void, accepted: boolean): void {
    if (this.#doing !== 'answering') return;
    this.#doing = 'commands';
    say();
    if (this.#reception !== undefined) {
      if (this.#reception.isOver) this.#dialogue.contentEnded(accepted);
      this.#reception = undefined;
    }
    this.#goOn();
  }

  /** After a pause that was ours. */
  #goOn(): void {
    this.#deadlines.resume();
    if (this.#stopping && this.#doing === 'commands') {
      this.#fail(smtpError('serviceShutdown'));
      return;
    }
    this.#run();
    if (this.#doing !== 'answering' && this.#socket.isPaused() && this.#writable) this.#socket.resume();
  }

  /** What listened for commands does no more. */
  #leaveSocket(): Socket {
    for (const event of ['data', 'drain', 'end']) this.#socket.removeAllListeners(event);
    return this.#socket;
  }

  /** The connection is another's from now on, until it is closed. */
  #turn({ reply: text, turn }: Turned): void {
    if (this.#doing !== 'answering') return;
    if (this.#input.pending) {
      const early = smtpError('badSequence', { detail: 'wait for the reply to ATRN' });
      this.#answered(() => this.#refuse(early, 'ATRN'), false);
      return;
    }
    this.#deadlines.cancel();
    this.#flush(text);
    this.#doing = 'turned';
    const socket = this.#leaveSocket();
    socket.resume();
    turn(socket);
  }

  #startTls(ready: string): void {
    this.#flush(ready);
    this.#doing = 'handshake';
    const plain = this.#leaveSocket();
    plain.pause();
    // Whatever was sent along with STARTTLS came in clear text, from anyone (RFC 3207 §4.2).
    this.#input.clear();
    while (plain.read() !== null);
    const done = (socket: TLSSocket, { tls, shown }: Secured): void => {
      // Cut in the meantime.
      if (this.#doing !== 'handshake') return;
      this.#attach(socket);
      this.#dialogue.secured(tls, shown);
      this.#doing = 'commands';
      this.#deadlines.waitForClient();
      this.#lookAtPeer();
    };
    handshake(plain, this.#deps.secure, done, (error) => this.#refusals.tell({ command: 'TLS', error }));
  }

  /** What will be refused, whatever it says, is logged once. */
  #lookAtPeer(): void {
    try {
      checkSecurity(this.#client, 'EHLO');
    } catch (error) {
      this.#refusals.tell({ command: 'TLS', error: asSmtpError(error) });
    }
  }

  #refuse(thrown: unknown, verb: string, line?: Line): void {
    const error = asSmtpError(thrown);
    this.#dialogue.countError();
    const text = this.#refusals.say({ command: verb, error, line }, this.#reception?.replies);
    // With DATA refused, what was sent behind it without waiting for 354 is content, and would be read as commands.
    if (error.closes || (verb === 'DATA' && line !== undefined && this.#input.pending)) this.#close(text);
    else this.#send(text);
  }

  /** Ends the session with a refusal that answers no command in particular. */
  #fail(error: SmtpError): void {
    const { command = '', replies } = this.#reception ?? {};
    this.#close(this.#refusals.say({ command, error }, replies));
  }

  #send(text: string): void {
    this.#output += text;
  }

  #flush(more = ''): void {
    const text = this.#output + more;
    if (text === '' || this.#socket.destroyed) return;
    this.#output = '';
    // Who doesn't read our replies isn't read either.
    if (!this.#socket.write(text, 'latin1') && this.#doing !== 'closing') {
      this.#writable = false;
      this.#socket.pause();
    }
  }

  /** The client has closed its side: it may still be reading what we owe it. */
  #peerEnded(): void {
    this.#ended = true;
    this.#hangUp();
  }

  #hangUp(): void {
    if (this.#doing === 'answering' || this.#input.pending) return;
    this.#close('');
  }

  #drained(): void {
    this.#writable = true;
    if (this.#doing === 'answering' || this.#doing === 'closing') return;
    this.#goOn();
  }

  /**
   * Says the last thing and waits a little for the client to read it: a reset would take it away.
   *
   * @param lingers false where the client has no more to say: with nothing unread the kernel sends what we said before the connection ends
   */
  #close(text: string, lingers = true): void {
    if (this.#doing === 'closing') return;
    this.#doing = 'closing';
    this.#reception?.abort();
    this.#dialogue.abandon();
    this.#flush(text);
    this.#input.clear();
    this.#deadlines.cancel();
    if (!lingers && this.#socket.writableLength === 0) {
      this.#socket.destroy();
      return;
    }
    this.#socket.end();
    this.#socket.resume();
    this.#cancelLinger = this.#deps.clock.after(LINGER_MS, () => this.#socket.destroy());
  }

  #closed(socket: Socket): void {
    // The socket below a TLS session ends with it, and has nothing more to say.
    if (socket !== this.#socket) return;
    this.#doing = 'closing';
    this.#deadlines.cancel();
    this.#cancelLinger();
    this.#reception?.abort();
    this.#dialogue.abandon();
    this.#deps.closed(this);
  }

  #expire(why: Expiry): void {
    // Nothing can be said in the middle of a handshake, nor to who doesn't read.
    if (this.#doing === 'handshake' || !this.#writable) this.#socket.destroy();
    else this.#fail(smtpError(why));
  }
}
