/**
 * One mail transaction with a next hop (RFC 5321 §3.3, RFC 2033 §4.2), pipelined where it offers that (RFC 2920 §3.1).
 * What the next hop said of a recipient is a result. What nobody said anything of is an error: for all when there is
 * no result at all, a temporary result for the rest otherwise, so that an answer is never forgotten.
 */
import type { Delivery } from '../config.ts';
import type { Envelope, Recipient } from '../envelope.ts';
import { SmtpError, smtpError } from '../errors.ts';
import { chunksOf } from '../mime/pieces.ts';
import type { MessageContent, StoredReply } from '../queue/types.ts';
import { isStore, type NextHop } from '../route/types.ts';
import { isOutOfSight, relayedBy, withDelay } from './deliver-by.ts';
import type { Dialogue } from './dialogue.ts';
import { type Fitted, fitFor } from './fit.ts';
import { type Reply, storeReply } from './reply.ts';
import { DotStuffer } from './transparency.ts';
import type { RecipientResult, Transaction } from './types.ts';

/** What a transaction needs to know of the session that it runs in. */
export interface Line {
  readonly dialogue: Dialogue;
  readonly hop: NextHop;
  readonly extensions: ReadonlyMap<string, string>;
  readonly timeouts: Delivery['timeouts'];
  /** Ms since the epoch. */
  readonly now: () => number;
  /** The last transaction did not end by itself: RSET goes before the next MAIL. */
  needsReset: boolean;
}

interface Addressee extends Recipient {
  readonly index: number;
}

export class SmtpTransaction implements Transaction {
  readonly #line: Line;
  readonly #ended: (recipients: readonly Recipient[]) => void;
  readonly #recipients: Addressee[] = [];
  readonly #results: RecipientResult[] = [];
  #envelope: Envelope | undefined;
  #content: MessageContent | undefined;
  #owned: () => boolean = () => false;
  #afterFinalDot = false;
  #running = false;

  /** `ended` is called when the transaction is over, whatever came of it, with the recipients that it had. */
  constructor(line: Line, ended: (recipients: readonly Recipient[]) => void) {
    this.#line = line;
    this.#ended = ended;
  }

  begin(envelope: Envelope): void {
    this.#envelope = envelope;
  }

  recipient(recipient: Recipient, index: number): void {
    this.#recipients.push({ ...recipient, index });
  }

  body(content: MessageContent, ownershipCheck: () => boolean): void {
    this.#content = content;
    this.#owned = ownershipCheck;
  }

  async commit(): Promise<readonly RecipientResult[]> {
    this.#running = true;
    try {
      await this.#converse();
    } catch (error) {
      this.#conclude(this.#explain(error));
    } finally {
      this.#running = false;
      this.#ended(this.#recipients);
    }
    return this.#results;
  }

  abort(): void {
    if (this.#running) {
      this.#line.dialogue.fail(smtpError('connectionLost', { detail: 'given up by us', closes: true }));
    } else {
      this.#ended(this.#recipients);
    }
  }

  async #converse(): Promise<void> {
    const { dialogue, timeouts, extensions } = this.#line;
    const fitting = fitFor(
      this.#envelope!,
      this.#recipients.map(({ address }) => address),
      this.#content!,
      extensions,
    );
    const fitted = fitting instanceof Promise ? await fitting : fitting;
    const mail = this.#mailCommand(fitted);
    const byChunks = fitted.body === 'BINARYMIME';
    this.#checkOwned();
    const pipelined = extensions.has('PIPELINING');
    const rcpts = this.#rcptCommands(fitted);
    if (pipelined) {
      dialogue.send([
        ...(this.#line.needsReset ? [RSET] : []),
        ...[mail, ...rcpts],
        ...(byChunks ? [] : [DATA]),
      ]);
    }
    const ask = async (command: string, what: string): Promise<Reply> => {
      if (!pipelined) {
        dialogue.send([command]);
      }
      return this.#heed(await dialogue.reply(timeouts.command, what), command === DATA ? 3 : 2);
    };
    if (this.#line.needsReset) {
      const reset = await ask(RSET, 'RSET');
      if (reset.code >= 400) {
        throw this.#fail(dialogue.refusal(reset, true));
      }
      this.#line.needsReset = false;
    }
    const refusedMail = await ask(mail, 'MAIL').then((reply) => (reply.code >= 400 ? reply : undefined));
    if (refusedMail !== undefined && !pipelined) {
      throw dialogue.refusal(refusedMail);
    }
    // Until the content has been taken, the transaction stays open at the other end.
    this.#line.needsReset = true;
    const accepted: Addressee[] = [];
    for (const [at, recipient] of this.#recipients.entries()) {
      const reply = await ask(rcpts[at]!, 'RCPT');
      if (reply.code < 400) {
        accepted.push(recipient);
      } else if (refusedMail === undefined) {
        this.#answer(recipient, storeReply(reply, this.#line.hop.host));
      }
    }
    if (byChunks && refusedMail !== undefined) {
      throw dialogue.refusal(refusedMail);
    }
    if (accepted.length === 0 && (byChunks || !pipelined)) {
      return;
    }
    if (byChunks) {
      await this.#sendChunks(accepted, fitted.content);
      this.#line.needsReset = false;
      return;
    }
    const data = await ask(DATA, 'DATA');
    if (refusedMail !== undefined) {
      // A server that wants content for a sender that it refused is not to be trusted with an empty message.
      throw data.code === 354
        ? this.#fail(dialogue.refusal(refusedMail, true))
        : dialogue.refusal(refusedMail);
    }
    if (data.code >= 400) {
      const reply = storeReply(data, this.#line.hop.host);
      for (const recipient of accepted) {
        this.#answer(recipient, reply);
      }
      return;
    }
    await (accepted.length === 0 ? this.#sendNothing() : this.#sendContent(accepted, fitted.content));
    this.#line.needsReset = false;
  }

  /** RFC 2920 §3.1: DATA went out with the RCPTs that were all refused, and got a 354 all the same. */
  async #sendNothing(): Promise<void> {
    const { dialogue, hop, timeouts } = this.#line;
    if (hop.protocol === 'lmtp') {
      // There is a reply per accepted recipient, so none to wait for.
      this.#fail(smtpError('garbageReply', { detail: '354 without a recipient', closes: true }));
      return;
    }
    dialogue.finish(NOTHING, new DotStuffer().end(), 1);
    await dialogue.reply(timeouts.finalReply, 'the empty content');
  }

  async #sendContent(accepted: readonly Addressee[], content: MessageContent): Promise<void> {
    const { dialogue, timeouts } = this.#line;
    const stuffer = new DotStuffer();
    // One block is held back, so that it goes out together with the final dot.
    let last: Buffer = NOTHING;
    for await (const chunk of chunksOf(content)) {
      if (last.length > 0) {
        await dialogue.write(last, timeouts.dataBlock);
      }
      last = stuffer.encode(chunk);
    }
    if (last.length > ONE_WRITE) {
      await dialogue.write(last, timeouts.dataBlock);
      last = NOTHING;
    }
    this.#checkOwned();
    if (dialogue.failure !== undefined) {
      throw dialogue.failure;
    }
    this.#afterFinalDot = true;
    dialogue.finish(last, stuffer.end(), this.#finalReplies(accepted));
    await this.#readAnswers(accepted);
  }

  /** RFC 3030 §2: what says its length needs no end, and may hold anything. */
  async #sendChunks(accepted: readonly Addressee[], content: MessageContent): Promise<void> {
    const { dialogue, timeouts } = this.#line;
    for await (const chunk of chunksOf(content)) {
      if (chunk.length === 0) continue;
      dialogue.send([`BDAT ${chunk.length}\r\n`]);
      await dialogue.write(chunk, timeouts.dataBlock);
      const reply = this.#heed(await dialogue.reply(timeouts.dataBlock, 'BDAT'), 2);
      if (reply.code >= 400) throw dialogue.refusal(reply);
    }
    this.#checkOwned();
    this.#afterFinalDot = true;
    dialogue.finish(NOTHING, LAST_CHUNK, this.#finalReplies(accepted));
    await this.#readAnswers(accepted);
  }

  /** RFC 2033 §4.2: one for each recipient that was accepted. */
  #finalReplies(accepted: readonly Addressee[]): number {
    return this.#line.hop.protocol === 'lmtp' ? accepted.length : 1;
  }

  async #readAnswers(accepted: readonly Addressee[]): Promise<void> {
    const { dialogue, hop, timeouts } = this.#line;
    let reply: StoredReply | undefined;
    for (const recipient of accepted) {
      if (reply === undefined || hop.protocol === 'lmtp') {
        reply = storeReply(this.#heed(await dialogue.reply(timeouts.finalReply, 'the content'), 2), hop.host);
      }
      this.#answer(recipient, reply);
    }
  }

  /** MAIL with its parameters. */
  #mailCommand({ content, body, saysUtf8, addressOf }: Fitted): string {
    const { extensions } = this.#line;
    const envelope = this.#envelope!;
    return [
      `MAIL FROM:<${addressOf(envelope.from)}>`,
      extensions.has('SIZE') ? ` SIZE=${content.size}` : '',
      parameter('BODY', body),
      saysUtf8 ? ' SMTPUTF8' : '',
      ...(extensions.has('DSN') ? [parameter('RET', envelope.ret), parameter('ENVID', envelope.envid)] : []),
      parameter('BY', relayedBy(envelope, this.#receiver, this.#line.now())),
      envelope.requireTls === true && extensions.has('REQUIRETLS') ? ' REQUIRETLS' : '',
      // RFC 6710 §4.2: the priority that it has, if nobody gave it one.
      extensions.has('MT-PRIORITY') ? ` MT-PRIORITY=${envelope.priority ?? 0}` : '',
      '\r\n',
    ].join('');
  }

  /**
   * RFC 3461 §5.2.1: what the client asked for goes on as it came, and nothing that it didn't ask for; but for delays, as RFC
   * 2852 §4.1.4.2 has it.
   */
  #rcptCommands({ addressOf, orcptOf }: Fitted): string[] {
    const notifies = this.#line.extensions.has('DSN');
    const tellsDelay = notifies && isOutOfSight(this.#envelope!, this.#receiver, this.#line.now());
    return this.#recipients.map(({ address, notify, orcpt }) => {
      const told = tellsDelay ? withDelay(notify) : notify;
      const asked = notifies
        ? `${parameter('NOTIFY', told?.join(','))}${parameter('ORCPT', orcpt && orcptOf(orcpt))}`
        : '';
      return `RCPT TO:<${addressOf(address)}>${asked}\r\n`;
    });
  }

  get #receiver() {
    const { hop, extensions } = this.#line;
    return { isStore: isStore(hop), extensions };
  }

  #checkOwned(): void {
    if (!this.#owned()) {
      throw this.#fail(smtpError('leaseLost', { closes: true }));
    }
  }

  /** A reply is a success of this class or a refusal; 421 and anything else end the session. */
  #heed(reply: Reply, success: number): Reply {
    const { dialogue } = this.#line;
    if (reply.code === 421) {
      throw this.#fail(dialogue.refusal(reply, true));
    }
    if (reply.code < 400 && Math.floor(reply.code / 100) !== success) {
      throw this.#fail(smtpError('garbageReply', { detail: `${reply.code} ${reply.text}`, closes: true }));
    }
    return reply;
  }

  #fail(error: SmtpError): SmtpError {
    this.#line.dialogue.fail(error);
    return error;
  }

  #answer(recipient: Addressee, reply: StoredReply): void {
    this.#results.push({ recipient: recipient.index, reply });
  }

  /** Without a reply to the final dot nobody knows whether the next hop took the message. */
  #explain(cause: unknown): SmtpError {
    // Anything else is the content that can't be read: the next hop must not take half of it for the whole.
    const error = cause instanceof SmtpError ? cause : this.#fail(unreadable(cause));
    if (!this.#afterFinalDot || error.remote !== undefined) {
      return error;
    }
    const text = `${error.message}, after the content and before the reply to it`;
    return new SmtpError(error.code, error.enhanced, text, {
      blame: error.blame,
      closes: true,
      uncertain: true,
      cause: error,
    });
  }

  /** Throws the error where nobody has an answer; else it becomes the answer for the rest. */
  #conclude(error: SmtpError): void {
    // Who no longer owns the message has nothing to say about it.
    if (this.#results.length === 0 || !this.#owned()) {
      throw error;
    }
    const answered = new Set(this.#results.map(({ recipient }) => recipient));
    const reply: StoredReply = {
      code: error.code,
      enhanced: error.enhanced,
      text: error.message,
      ...(error.remote === undefined ? {} : { remote: error.remote }),
    };
    for (const recipient of this.#recipients) {
      if (!answered.has(recipient.index)) {
        this.#answer(recipient, reply);
      }
    }
  }
}

function unreadable(cause: unknown): SmtpError {
  return smtpError('localError', { detail: 'the stored message could not be read', closes: true, cause });
}

const parameter = (keyword: string, value: string | undefined): string =>
  value === undefined ? '' : ` ${keyword}=${value}`;

const RSET = 'RSET\r\n';
const DATA = 'DATA\r\n';
const NOTHING = Buffer.alloc(0);
const LAST_CHUNK = Buffer.from('BDAT 0 LAST\r\n');
/** Content up to this goes out in one write with the final dot; larger ones by blocks, with back-pressure. */
const ONE_WRITE = 64 * 1024;
