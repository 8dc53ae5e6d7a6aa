/**
 * One request with one message for all of its recipients: signed over every byte of its body, which is read twice for
 * that and never held whole. An answer is a result for each recipient (`answer.ts`); that there was none is an error
 * for all of them.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { Delivery } from '../../config.ts';
import type { Envelope, Recipient } from '../../envelope.ts';
import { SmtpError, smtpError } from '../../errors.ts';
import { chunksOf } from '../../mime/pieces.ts';
import type { MessageContent } from '../../queue/types.ts';
import type { Random } from '../../random.ts';
import type { Webhook } from '../../route/types.ts';
import { signingKeys } from '../../signing-keys.ts';
import type { Attempt, RecipientResult, Transaction } from '../types.ts';
import { resultsOf } from './answer.ts';
import { type Addressee, envelopeJson, type Form, formOf } from './form.ts';
import type { HttpLine, Post } from './line.ts';
import { signatures } from './signature.ts';

export interface Posting {
  readonly line: HttpLine;
  readonly webhook: Webhook;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeouts: Delivery['timeouts'];
  /** Whether the connection was idle before: it may have ended without anybody's fault. */
  readonly wasIdle: boolean;
}

/** What is written in one piece. */
const BLOCK = 64 * 1024;

export class WebhookTransaction implements Transaction {
  readonly #posting: Posting;
  readonly #ended: () => void;
  readonly #recipients: Addressee[] = [];
  #envelope: Envelope | undefined;
  #attempt: Attempt | undefined;
  #content: MessageContent | undefined;
  #owned: () => boolean = () => false;
  #post: Post | undefined;
  /** The last byte is on its way: the receiver may have the message. */
  #isSent = false;
  #running = false;

  /** `ended` is called when the transaction is over, whatever came of it. */
  constructor(posting: Posting, ended: () => void) {
    this.#posting = posting;
    this.#ended = ended;
  }

  begin(envelope: Envelope, attempt: Attempt): void {
    this.#envelope = envelope;
    this.#attempt = attempt;
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
      return await this.#converse();
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#running = false;
      this.#ended();
    }
  }

  abort(): void {
    if (this.#running) this.#fail(smtpError('connectionLost', { detail: 'given up by us', closes: true }));
    else this.#ended();
  }

  async #converse(): Promise<readonly RecipientResult[]> {
    const { line, webhook, clock, random, timeouts } = this.#posting;
    const content = this.#content!;
    const keys = signingKeys(webhook.keys);
    if (keys === undefined) {
      throw smtpError('notConfigured', { detail: 'a key to sign with is not whsec_ and base64' });
    }
    const envelope = envelopeJson(this.#envelope!, this.#recipients, this.#attempt!, content.size);
    const form = formOf(envelope, content, `postrider-${random.bytes(15).toString('hex')}`);
    const id = this.#requestId();
    const seconds = Math.floor(clock.now() / 1000);
    const signature = await signatures(keys, { id, seconds }, bodyOf(form, content));
    this.#checkOwned();
    this.#post = line.post(webhook.path, {
      Host: webhook.authority,
      'User-Agent': 'Postrider',
      Accept: 'application/json, text/plain',
      'Accept-Encoding': 'identity',
      'Content-Type': form.contentType,
      'Content-Length': form.contentLength,
      'webhook-id': id,
      'webhook-timestamp': seconds,
      'webhook-signature': signature,
    });
    await this.#send(this.#post, form, content);
    const answer = await this.#post.answer(timeouts.finalReply);
    if (this.#post.isEarly && answer.status < 300) {
      // What it has not read it can't have taken, whatever it says.
      throw this.#fail(
        smtpError('garbageReply', {
          detail: `HTTP ${answer.status} before the whole message was sent`,
          closes: true,
        }),
      );
    }
    return resultsOf(answer, this.#recipients, { remote: webhook.origin, now: clock.now() });
  }

  async #send(post: Post, form: Form, content: MessageContent): Promise<void> {
    const { dataBlock } = this.#posting.timeouts;
    // One block is held back, so that the request is whole only for who still owns the message at its end.
    let held: Buffer = Buffer.alloc(0);
    let left = form.contentLength;
    for await (const chunk of bodyOf(form, content)) {
      left -= chunk.length;
      if (held.length + chunk.length <= BLOCK) {
        held = Buffer.concat([held, chunk]);
        continue;
      }
      await post.write(held, dataBlock);
      if (post.isAnswered) return;
      held = chunk;
    }
    if (left !== 0) throw new Error(`the content is not of ${content.size} bytes`);
    this.#checkOwned();
    const { failure } = this.#posting.line;
    if (failure !== undefined) throw failure;
    this.#isSent = true;
    post.end(held);
  }

  /** The same for the same recipients, whichever attempt it is, and another one where some of them have been answered for. */
  #requestId(): string {
    const indexes = this.#recipients.map(({ index }) => index).join();
    const recipients = createHash('sha256').update(indexes).digest('hex').slice(0, 16);
    return `${this.#attempt!.id}_${recipients}`;
  }

  #checkOwned(): void {
    if (!this.#owned()) throw this.#fail(smtpError('leaseLost', { closes: true }));
  }

  #fail(error: SmtpError): SmtpError {
    this.#posting.line.fail(error);
    return error;
  }

  /** Without an answer to the whole request nobody knows whether the receiver took the message. */
  #explain(cause: unknown): SmtpError {
    // Anything else is the content that can't be read: the receiver must not take half of it for the whole.
    const error = cause instanceof SmtpError ? cause : this.#fail(unreadable(cause));
    if (!this.#isSent || error.remote !== undefined) return error;
    // It is sent again in any case, and known by its id: where only an idle connection was gone, at once.
    const isUncertain = !(this.#posting.wasIdle && this.#post?.isUnheard === true);
    const text = `${error.message}, after the message and before the answer`;
    return new SmtpError(error.code, error.enhanced, text, {
      ...{ blame: error.blame, closes: true, uncertain: isUncertain, cause: error },
    });
  }
}

async function* bodyOf(form: Form, content: MessageContent): AsyncGenerator<Buffer, void, undefined> {
  yield form.head;
  yield* chunksOf(content);
  yield form.tail;
}

function unreadable(cause: unknown): SmtpError {
  return smtpError('localError', { detail: 'the stored message could not be read', closes: true, cause });
}
