/**
 * The commands of one session and the rules of their order (RFC 5321 §4.1.4): takes a line, says what to answer and
 * what comes next. Knows nothing of sockets. Refusals are `SmtpError`s that it throws, for the session to send; the
 * acceptor's are passed on as they are. One that closes ends the session.
 */
import type { Duplex } from 'node:stream';
import type { Recipient } from '../envelope.ts';
import { asSmtpError, smtpError } from '../errors.ts';
import { parseXclient, parseXforward } from './attributes.ts';
import { Authentication, LONGEST_AUTH_LINE } from './authentication.ts';
import type { ClientCertificate } from './client-certificate.ts';
import type { DialogueClient } from './dialogue-client.ts';
import { extensionsFor } from './extensions.ts';
import { parseMailParameters, parseRcptParameters } from './parameters.ts';
import { isInternational, isMailbox, parsePath } from './path.ts';
import { ChunkReception, Reception } from './reception.ts';
import { multiline, reply } from './reply.ts';
import { checkSecurity } from './security.ts';
import type { Acceptor, ContentSink, Mail } from './types.ts';
import { checkVerb, unknownVerb } from './verbs.ts';

/** What to send, and what the next input is. A string: send it, a command follows. */
export type Answer =
  | string
  | { readonly next: 'close' | 'startTls' | 'response'; readonly reply: string }
  | { readonly next: 'content'; readonly reply: string; readonly reception: Reception }
  | Promise<string | Turned>;

/** RFC 2645 §5.3: after the reply we are the client on this connection. */
export interface Turned {
  readonly reply: string;
  readonly turn: (socket: Duplex) => void;
}

// RFC 5321 §4.5.3.1.4, without CRLF; SIZE adds 26 octets (RFC 1870 §3), BODY 17 (RFC 6152 §2), AUTH 500 (RFC 4954 §3),
// SMTPUTF8 10 (RFC 6531 §3.1), HOLDUNTIL 34 (RFC 4865 §3), RET 9 and ENVID 107, NOTIFY 36 and ORCPT 507 (RFC 3461 §5.4, and the keywords).
const LONGEST_COMMAND = 510;
const LONGEST: Readonly<Record<string, number>> = {
  MAIL: LONGEST_COMMAND + 26 + 17 + 500 + 10 + 9 + 107 + 34,
  RCPT: LONGEST_COMMAND + 36 + 507,
};

const OK = reply(250, '2.0.0', 'Ok');
const SENDER_OK = reply(250, '2.1.0', 'Sender ok');
/** RFC 6710 §4.1 */
const newPriority = (priority = 0) =>
  reply(250, '2.3.6', `${priority} is the new priority assigned to the message`);
const RECIPIENT_OK = reply(250, '2.1.5', 'Recipient ok');
const START_CONTENT = reply(354, undefined, 'End data with <CR><LF>.<CR><LF>');
const TURNING = reply(250, '2.0.0', 'OK now reversing the connection');
const START_TLS = reply(220, '2.0.0', 'Ready to start TLS');
const CANNOT_VERIFY = reply(252, '2.0.0', 'Cannot verify, but will take mail and try to deliver it');
const COMMANDS = 'MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH';

/** RFC 3030 §2 */
const CHUNK = /^(\d{1,15})(?: (LAST))?$/i;
const SPECIALS_OR_SPACE = /[^\x21-\x7e]|[()<>@,;"\\]/;

export class Dialogue {
  readonly client: DialogueClient;
  /** The transaction in progress, where MAIL has been accepted. */
  mail: Mail | undefined;
  /** Those of it that have been accepted, as often as they were. */
  recipients: Recipient[] = [];
  readonly #acceptor: Acceptor;
  readonly #authentication: Authentication;
  readonly #hostname: () => string;
  readonly #now: () => number;
  /** Content that comes by BDAT, from its first chunk on. */
  #chunks: ChunkReception | undefined;
  #transactions = 0;
  #idleCommands = 0;
  #errors = 0;

  /** @param now ms since the epoch */
  constructor(client: DialogueClient, acceptor: Acceptor, hostname: () => string, now: () => number) {
    this.client = client;
    this.#acceptor = acceptor;
    this.#authentication = new Authentication(client, acceptor);
    this.#hostname = hostname;
    this.#now = now;
  }

  /** The session begins, or begins anew. */
  greet(): string {
    this.#acceptor.connect(this.client);
    return reply(220, undefined, `${this.#hostname()} ${this.#isLmtp ? 'LMTP' : 'ESMTP'} Postrider`);
  }

  /** Answers one command. */
  command(line: string): Answer {
    this.#refuseAbuse();
    const space = line.indexOf(' ');
    const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
    const args = space < 0 ? '' : line.slice(space + 1).trimEnd();
    if (line.length > LONGEST_COMMAND) refuseLength(verb, line.length);
    const handler = VERBS.get(verb);
    if (handler === undefined) throw unknownVerb(verb);
    if (verb !== 'BDAT') checkSecurity(this.client, verb);
    checkVerb(verb, this.client.listener.role);
    return handler(this, args);
  }

  /** Answers a line of the AUTH exchange that `next: 'response'` asked for. */
  response(line: string): Answer {
    return this.#authentication.response(line);
  }

  /** Counts a reply of 4yz or 5yz to a command, the final dot, or an AUTH exchange. */
  countError(): void {
    this.#errors += 1;
  }

  /** The client is gone, or has to go. */
  abandon(): void {
    this.#reset();
  }

  /** The content has been answered: the transaction is over. */
  contentEnded(accepted: boolean): void {
    if (accepted) this.#idleCommands = 0;
    this.#reset();
  }

  /** TLS is on: nothing that was said before counts (RFC 3207 §4.2). */
  secured(tls: string, shown: ClientCertificate | undefined): void {
    this.client.tls = tls;
    this.client.shown = shown;
    this.client.helo = undefined;
    this.client.extended = false;
    this.client.user = undefined;
    this.#reset();
  }

  hello(args: string, extended: boolean): string {
    if (args === '' || args.length > 255 || SPECIALS_OR_SPACE.test(args)) throw smtpError('badArguments');
    if (this.client.helo !== undefined) this.#countIdle();
    this.client.helo = args;
    this.client.extended = extended;
    this.#reset();
    return extended
      ? multiline(250, [
          this.#hostname(),
          ...extensionsFor(this.client, this.#acceptor.pickUp.offersEtrn(this.client), this.#now()),
        ])
      : `250 ${this.#hostname()}\r\n`;
  }

  mailCommand(args: string): string {
    const { client } = this;
    const { auth, limits } = client.listener;
    if (client.helo === undefined) {
      throw smtpError('badSequence', { detail: `send ${this.#isLmtp ? 'LHLO' : 'HELO or EHLO'} first` });
    }
    if (this.mail !== undefined) throw smtpError('badSequence', { detail: 'nested MAIL command' });
    if (auth.required && client.user === undefined) throw smtpError('authRequired');
    if (this.#transactions >= limits.transactionsPerSession) throw smtpError('tooManyTransactions');
    const path = /^from:/i.test(args) ? parsePath(args.slice(5)) : undefined;
    if (path === undefined) throw smtpError('badArguments', { detail: 'MAIL FROM:<address>' });
    if (path.address !== '' && !isMailbox(path.address)) throw smtpError('badSender');
    const { futureRelease } = client.listener;
    const requireTls = client.tls !== undefined;
    const offered = { auth: auth.offered, futureRelease, requireTls, now: this.#now() };
    const asked: Mail = { from: path.address, ...parseMailParameters(path.rest, offered) };
    // RFC 1870 §6.1
    if (limits.messageSize > 0 && (asked.declaredSize ?? 0) > limits.messageSize) {
      throw smtpError('messageTooLarge');
    }
    if (isInternational(asked.from) && asked.smtputf8 !== true) throw smtpError('nonAsciiSender');
    const mail = this.#acceptor.mail(client, asked);
    this.mail = mail;
    this.#transactions += 1;
    return mail.priority === asked.priority ? SENDER_OK : newPriority(mail.priority);
  }

  rcpt(args: string): string {
    const { client, mail } = this;
    if (mail === undefined) throw smtpError('badSequence', { detail: 'send MAIL first' });
    if (this.#chunks !== undefined) throw smtpError('badSequence', { detail: 'the content has begun' });
    const path = /^to:/i.test(args) ? parsePath(args.slice(3)) : undefined;
    if (path === undefined) throw smtpError('badArguments', { detail: 'RCPT TO:<address>' });
    // RFC 5321 §4.1.1.3: postmaster needs no domain
    if (!isMailbox(path.address) && !/^postmaster$/i.test(path.address)) throw smtpError('badRecipient');
    const isUtf8 = mail.smtputf8 === true;
    if (isInternational(path.address) && !isUtf8) throw smtpError('nonAsciiAddress');
    const parameters = parseRcptParameters(path.rest, isUtf8);
    // RFC 5321 §4.5.3.1.10
    if (this.recipients.length >= client.listener.limits.recipients) throw smtpError('tooManyRecipients');
    const recipient = { address: path.address, ...parameters };
    this.#acceptor.recipient(client, mail, recipient, this.recipients);
    this.recipients.push(recipient);
    return RECIPIENT_OK;
  }

  data(args: string): Answer {
    if (args !== '') throw smtpError('badArguments');
    // RFC 3030 §2
    if (this.#chunks !== undefined || this.mail?.bodyType === 'BINARYMIME') {
      throw smtpError('badSequence', { detail: 'send it by BDAT' });
    }
    const reception = new Reception(this.#content(), this.client.listener.limits, this.#ownReplies);
    return { next: 'content', reply: START_CONTENT, reception };
  }

  /** What is refused is read all the same, so that nothing of it is taken for a command (RFC 3030 §2). */
  bdat(args: string): Answer {
    const [, digits, last] = CHUNK.exec(args) ?? [];
    // How much there is to skip isn't known.
    if (digits === undefined) throw smtpError('badArguments', { detail: 'BDAT size [LAST]', closes: true });
    const reception = this.#chunkReception();
    const octets = Number(digits);
    if (octets === 0 && last === undefined) this.#countIdle();
    reception.begin(octets, last !== undefined);
    return { next: 'content', reply: '', reception };
  }

  #chunkReception(): ChunkReception {
    const { limits } = this.client.listener;
    try {
      checkSecurity(this.client, 'BDAT');
      const isBinary = this.mail?.bodyType === 'BINARYMIME';
      this.#chunks ??= new ChunkReception(this.#content(), limits, this.#ownReplies, isBinary);
      return this.#chunks;
    } catch (error) {
      const why = asSmtpError(error);
      if (why.closes) throw why;
      const refusing = ChunkReception.refusing(why, limits, this.#ownReplies);
      if (this.#ownReplies !== undefined) this.#chunks = refusing;
      return refusing;
    }
  }

  /** RFC 2033 §4.2, §4.3: how many recipients have a reply of their own to the content of this transaction. */
  get #ownReplies(): number | undefined {
    return this.#isLmtp && this.mail !== undefined ? this.recipients.length : undefined;
  }

  #content(): ContentSink {
    if (this.mail === undefined) throw smtpError('badSequence', { detail: 'send MAIL first' });
    if (this.recipients.length === 0) {
      // RFC 2033 §4.2, RFC 5321 §3.3
      throw this.#isLmtp
        ? smtpError('badSequence', { detail: 'no valid recipients' })
        : smtpError('noValidRecipients');
    }
    return this.#acceptor.content(this.client, this.mail, this.recipients);
  }

  rset(args: string): string {
    if (args !== '') throw smtpError('badArguments');
    this.#countIdle();
    this.#reset();
    return OK;
  }

  idle(text: string): string {
    this.#countIdle();
    return text;
  }

  vrfy(args: string): string {
    if (args === '') throw smtpError('badArguments');
    // RFC 5321 §7.3: a server that doesn't verify says 252
    return this.idle(CANNOT_VERIFY);
  }

  expn(): string {
    this.#countIdle();
    throw smtpError('notImplemented');
  }

  etrn(args: string): Answer {
    const { client } = this;
    if (client.helo === undefined) throw smtpError('badSequence', { detail: 'send EHLO first' });
    // RFC 1985 §5
    if (this.mail !== undefined) throw smtpError('badSequence', { detail: 'a transaction is in progress' });
    if (args === '') throw smtpError('badArguments', { detail: 'ETRN domain' });
    this.#countIdle();
    return this.#acceptor.pickUp.etrn(client, args).then(([code, text]) => reply(code, '2.0.0', text));
  }

  atrn(args: string): Answer {
    const { client } = this;
    if (client.listener.role !== 'odmr') throw smtpError('notImplemented');
    if (client.helo === undefined) throw smtpError('badSequence', { detail: 'send EHLO first' });
    this.#countIdle();
    const domains = args === '' ? [] : args.split(',');
    return this.#acceptor.pickUp.atrn(client, domains).then((turn) => ({ reply: TURNING, turn }));
  }

  quit(args: string): Answer {
    if (args !== '') throw smtpError('badArguments');
    return { next: 'close', reply: reply(221, '2.0.0', `${this.#hostname()} closing connection`) };
  }

  startTls(args: string): Answer {
    if (this.client.listener.tls.mode !== 'starttls') throw smtpError('notImplemented');
    if (this.client.tls !== undefined) throw smtpError('badSequence', { detail: 'TLS is already on' });
    if (args !== '') throw smtpError('badArguments');
    return { next: 'startTls', reply: START_TLS };
  }

  auth(args: string): Answer {
    // RFC 4954 §4: never in a transaction
    if (this.mail !== undefined) throw smtpError('badSequence', { detail: 'a transaction is in progress' });
    return this.#authentication.start(args);
  }

  /** A peer speaks in another client's place from now on. */
  xclient(args: string): string {
    this.client.checkMayUse('xclient');
    if (this.mail !== undefined) throw smtpError('badSequence', { detail: 'a transaction is in progress' });
    const told = parseXclient(args);
    this.#countIdle();
    this.#reset();
    this.#transactions = 0;
    this.#errors = 0;
    this.#authentication.failures = 0;
    this.client.become(told);
    return this.greet();
  }

  /** A peer tells where the next message came from. */
  xforward(args: string): string {
    this.client.checkMayUse('xforward');
    if (this.mail !== undefined) throw smtpError('badSequence', { detail: 'a transaction is in progress' });
    this.client.forwarded = { ...this.client.forwarded, ...parseXforward(args) };
    return this.idle(OK);
  }

  help(): string {
    return this.idle(reply(214, '2.0.0', `${this.#isLmtp ? 'LHLO' : 'HELO EHLO'} ${COMMANDS} (RFC 5321)`));
  }

  get #isLmtp(): boolean {
    return this.client.listener.role === 'lmtp';
  }

  /** What would never end by itself is ended by a limit, whatever command comes next. */
  #refuseAbuse(): void {
    const { limits } = this.client.listener;
    if (this.#errors >= limits.errorsPerSession) throw smtpError('tooManyErrors');
    if (this.#authentication.failures >= limits.authFailuresPerSession) throw smtpError('tooManyErrors');
  }

  #countIdle(): void {
    this.#idleCommands += 1;
    if (this.#idleCommands > this.client.listener.limits.idleCommandsPerSession) {
      throw smtpError('tooManyCommands');
    }
  }

  #reset(): void {
    this.#chunks?.abort();
    this.#chunks = undefined;
    this.mail = undefined;
    this.recipients = [];
    this.client.forwarded = undefined;
  }
}

type Handler = (dialogue: Dialogue, args: string) => Answer;

const VERBS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['HELO', (dialogue, args) => dialogue.hello(args, false)],
  ['EHLO', (dialogue, args) => dialogue.hello(args, true)],
  ['LHLO', (dialogue, args) => dialogue.hello(args, true)],
  ['MAIL', (dialogue, args) => dialogue.mailCommand(args)],
  ['RCPT', (dialogue, args) => dialogue.rcpt(args)],
  ['DATA', (dialogue, args) => dialogue.data(args)],
  ['BDAT', (dialogue, args) => dialogue.bdat(args)],
  ['RSET', (dialogue, args) => dialogue.rset(args)],
  ['NOOP', (dialogue) => dialogue.idle(OK)],
  ['QUIT', (dialogue, args) => dialogue.quit(args)],
  ['VRFY', (dialogue, args) => dialogue.vrfy(args)],
  ['EXPN', (dialogue) => dialogue.expn()],
  ['HELP', (dialogue) => dialogue.help()],
  ['ATRN', (dialogue, args) => dialogue.atrn(args)],
  ['ETRN', (dialogue, args) => dialogue.etrn(args)],
  ['STARTTLS', (dialogue, args) => dialogue.startTls(args)],
  ['XCLIENT', (dialogue, args) => dialogue.xclient(args)],
  ['XFORWARD', (dialogue, args) => dialogue.xforward(args)],
  ['AUTH', (dialogue, args) => dialogue.auth(args)],
]);

function refuseLength(verb: string, length: number): void {
  if (verb === 'AUTH') {
    if (length > LONGEST_AUTH_LINE) throw smtpError('authLineTooLong');
  } else if (length > (LONGEST[verb] ?? LONGEST_COMMAND)) {
    throw smtpError('lineTooLong');
  }
}
