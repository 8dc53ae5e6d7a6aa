/**
 * One LMTP session (RFC 2033) of the inbox. Ends when the client quits, goes away, is silent for five minutes, or a
 * failure-coded recipient says so. What can't be filed is answered 451 for its recipient, and nothing of it is kept.
 */
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Clock } from '../../mta/clock.ts';
import { localPartOf } from '../../mta/envelope.ts';
import { DataDecoder } from '../../mta/listen/data.ts';
import type { Random } from '../../mta/random.ts';
import { type Behaviour, behaviourOf, codedReply } from './codes.ts';
import { Lines, LineTooLong } from './lines.ts';
import type { Maildir } from './maildir.ts';

// RFC 5321 §4.5.3.2.7
const IDLE_MS = 5 * 60_000;
// RFC 5321 §4.5.3.1.4 asks for 512; parameters and UTF-8 addresses need more.
const LONGEST_COMMAND = 2048;
const RECIPIENTS = 1000;
/** How late `slow@` is answered. */
const SLOW_MS = 5_000;

export interface InboxEvent {
  readonly from: string;
  readonly to: string;
  /** Path of the message, where it was filed; else the reply that refused it. */
  readonly file?: string;
  readonly reply?: string;
}

export interface SessionParts {
  readonly maildir: Maildir;
  /** Folder for content on its way in. */
  readonly spool: string;
  /** Refusals given so far, by recipient: for those that fail a number of times. */
  readonly refusals: Map<string, number>;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: InboxEvent) => void;
}

interface Transaction {
  readonly from: string;
  readonly recipients: { readonly address: string; readonly refusal: string | undefined }[];
}

// RFC 5321 §4.1.2; source routes are not taken.
const path = /^<((?:"(?:[^"\\\r\n]|\\[^\r\n])*"|[^<>"\s@:,]+)(?:@[^<>\s@]+)?)?>(?: (.*))?$/u;
const mailParameter = /^(?:SIZE=\d{1,20}|BODY=(?:7BIT|8BITMIME)|SMTPUTF8)$/i;

export async function lmtpSession(socket: Socket, parts: SessionParts): Promise<void> {
  const lines = new Lines(socket);
  const reply = (text: string) => socket.write(`${text}\r\n`);
  let greeted = false;
  let transaction: Transaction | undefined;

  socket.setTimeout(IDLE_MS, () => {
    reply('421 4.4.2 Timeout waiting for a command');
    socket.destroySoon();
  });
  reply('220 localhost Postrider inbox LMTP');

  for (;;) {
    const line = await nextCommand(lines, reply);
    if (line === undefined) return;
    const [, verb = '', argument = ''] = /^(\S*) ?(.*)$/su.exec(line) ?? [];
    switch (verb.toUpperCase()) {
      case 'LHLO':
        if (argument.trim() === '') {
          reply('501 5.5.4 LHLO needs a name');
          break;
        }
        greeted = true;
        transaction = undefined;
        reply(
          '250-localhost\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE',
        );
        break;
      case 'MAIL': {
        const from = argumentOf('FROM', argument);
        if (!greeted || transaction !== undefined) reply('503 5.5.1 Bad sequence of commands');
        else if (from === undefined) reply('501 5.5.4 Syntax: MAIL FROM:<address>');
        else if (from.parameters.some((parameter) => !mailParameter.test(parameter)))
          reply('555 5.5.4 MAIL parameter not recognised');
        else {
          transaction = { from: from.address, recipients: [] };
          reply('250 2.1.0 Sender ok');
        }
        break;
      }
      case 'RCPT': {
        const to = argumentOf('TO', argument);
        if (transaction === undefined) reply('503 5.5.1 Bad sequence of commands');
        else if (to === undefined || to.address === '') reply('501 5.5.4 Syntax: RCPT TO:<address>');
        else if (to.parameters.length > 0) reply('555 5.5.4 RCPT parameter not recognised');
        else if (transaction.recipients.length >= RECIPIENTS) reply('452 4.5.3 Too many recipients');
        else if (!(await recipient(transaction, to.address))) return;
        break;
      }
      case 'DATA':
        // RFC 2033 §4.2: DATA must fail where no RCPT has succeeded.
        if (transaction === undefined || transaction.recipients.length === 0) {
          reply('503 5.5.1 No valid recipients');
          break;
        }
        reply('354 End with <CRLF>.<CRLF>');
        if (!(await content(transaction))) return;
        transaction = undefined;
        break;
      case 'RSET':
        transaction = undefined;
        reply('250 2.0.0 Forgotten');
        break;
      case 'NOOP':
        reply('250 2.0.0 Ok');
        break;
      case 'VRFY':
        reply('252 2.5.0 Send and see');
        break;
      case 'QUIT':
        reply('221 2.0.0 Bye');
        socket.end();
        return;
      default:
        // RFC 2033 §4.1: HELO and EHLO are not LMTP's.
        reply('500 5.5.1 Command not recognised: this is LMTP, which begins with LHLO');
    }
  }

  /** Answers one RCPT; false when the session is over with it. */
  async function recipient(current: Transaction, address: string): Promise<boolean> {
    const behaviour = behaviourOf(localPartOf(address));
    switch (behaviour.kind) {
      case 'silence':
        parts.onEvent({ from: current.from, to: address, reply: '(no answer, as its name asks)' });
        // Until the client gives up; what it sends meanwhile is read and dropped.
        socket.setTimeout(0);
        while ((await lines.chunk()) !== undefined);
        return false;
      case 'slow':
        await new Promise<void>((resolve) => {
          const cancel = parts.clock.after(SLOW_MS, resolve);
          socket.once('close', () => {
            cancel();
            resolve();
          });
        });
        break;
      case 'refuse': {
        const refusal = refusalFor(behaviour, address);
        if (refusal === undefined) break;
        if (behaviour.at === 'data') {
          current.recipients.push({ address, refusal });
          reply('250 2.1.5 Recipient ok');
          return true;
        }
        parts.onEvent({ from: current.from, to: address, reply: refusal });
        reply(refusal);
        if (behaviour.code !== 421) return true;
        socket.end();
        return false;
      }
      case 'accept':
    }
    current.recipients.push({ address, refusal: undefined });
    reply('250 2.1.5 Recipient ok');
    return true;
  }

  function refusalFor(behaviour: Behaviour & { kind: 'refuse' }, address: string): string | undefined {
    if (behaviour.times === undefined) return codedReply(behaviour.code);
    const given = parts.refusals.get(address) ?? 0;
    if (given >= behaviour.times) {
      parts.refusals.delete(address);
      return undefined;
    }
    parts.refusals.set(address, given + 1);
    return codedReply(behaviour.code);
  }

  /** Takes the content and answers once per recipient (RFC 2033 §4.2); false when the client went away. */
  async function content(current: Transaction): Promise<boolean> {
    const spooled = join(parts.spool, parts.random.bytes(12).toString('hex'));
    try {
      const taken = await spool(lines, spooled);
      if (taken === 'gone') return false;
      if (taken === 'bare') {
        reply('521 5.5.2 Lines must end in CRLF: bare CR or LF is not accepted');
        socket.end();
        return false;
      }
      const failure = taken === 'complete' ? undefined : taken.failure;
      for (const { address, refusal } of current.recipients) {
        const event = { from: current.from, to: address };
        if (failure !== undefined || refusal !== undefined) {
          const text = refusal ?? `451 4.3.0 Can't write: ${failure}`;
          parts.onEvent({ ...event, reply: text });
          reply(text);
          if (refusal?.startsWith('421')) {
            socket.end();
            return false;
          }
          continue;
        }
        try {
          const file = await parts.maildir.deliver(address, current.from, spooled);
          parts.onEvent({ ...event, file });
          reply('250 2.0.0 Filed');
        } catch (error) {
          const text = `451 4.3.0 Can't file: ${(error as NodeJS.ErrnoException).code ?? 'error'}`;
          parts.onEvent({ ...event, reply: text });
          reply(text);
        }
      }
      return true;
    } finally {
      await unlink(spooled).catch(() => undefined);
    }
  }
}

/** The next command without its CRLF; undefined when the client has gone. Answers lines that are none. */
async function nextCommand(lines: Lines, reply: (text: string) => void): Promise<string | undefined> {
  for (;;) {
    try {
      const line = await lines.line(LONGEST_COMMAND);
      if (line === undefined) return undefined;
      const text = line.toString('utf8');
      if (text.endsWith('\r\n') && !/[\r\n\0]/.test(text.slice(0, -2))) return text.slice(0, -2);
      reply('500 5.5.2 Lines must end in CRLF');
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      reply('500 5.5.2 Line too long');
      return undefined;
    }
  }
}

/** `FROM:<a@b> SIZE=1` as address and parameters; undefined where the syntax is wrong. */
function argumentOf(
  word: 'FROM' | 'TO',
  argument: string,
): { address: string; parameters: readonly string[] } | undefined {
  if (argument.slice(0, word.length + 1).toUpperCase() !== `${word}:`) return undefined;
  const match = path.exec(argument.slice(word.length + 1).trimEnd());
  if (match === null) return undefined;
  return { address: match[1] ?? '', parameters: match[2]?.split(' ').filter((part) => part !== '') ?? [] };
}

/**
 * Writes the content to a file as it arrives. A disk that fails is no reason to stop reading: the client has to get
 * its replies in order.
 */
async function spool(
  lines: Lines,
  file: string,
): Promise<'complete' | 'gone' | 'bare' | { failure: string }> {
  const decoder = new DataDecoder(Number.POSITIVE_INFINITY);
  const stream = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  let failure: string | undefined;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message;
  });
  let gone = false;
  while (decoder.state === 'open' && !gone) {
    const chunk = await lines.chunk();
    if (chunk === undefined) {
      gone = true;
      break;
    }
    let full = false;
    const used = decoder.push(chunk, (slice) => {
      if (failure === undefined && !stream.write(slice)) full = true;
    });
    lines.unread(chunk.subarray(used));
    if (full && failure === undefined) {
      await new Promise<void>((resolve) => {
        stream.once('drain', resolve);
        stream.once('close', resolve);
      });
    }
  }
  stream.end();
  await finished(stream).catch(() => undefined);
  if (gone) return 'gone';
  if (decoder.state === 'bare') return 'bare';
  return failure === undefined ? 'complete' : { failure };
}
