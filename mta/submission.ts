/**
 * What a client has left out of the header of a message that it submits (RFC 6409 §8): Date, Message-ID, and From or Sender where
 * the message has none that makes sense. Only on submission listeners: what is relayed is changed in nothing but its trace.
 * Everything that is there stays as it is. In bounded memory.
 */
import type { ContentSink } from './listen/types.ts';
import { messageDate } from './trace.ts';

export interface Submission {
  /** Reverse-path; empty for the null one. */
  readonly from: string;
  /** Ms since the epoch. */
  readonly arrivedAt: number;
  /** Unique for all time, for a Message-ID; without brackets. */
  readonly messageId: string;
}

/** A header that is longer goes on as it is. */
const LONGEST_HEADER = 256 * 1024;
const CRLF = '\r\n';

export class HeaderCompletion {
  readonly #submission: Submission;
  /** Until the end of the header was seen. */
  #held: Buffer | undefined = Buffer.alloc(0);

  constructor(submission: Submission) {
    this.#submission = submission;
  }

  /** What is to be written now of what has come so far. */
  push(chunk: Buffer): Buffer {
    if (this.#held === undefined) return chunk;
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    return endOfHeader(this.#held) < 0 && this.#held.length <= LONGEST_HEADER ? NOTHING : this.end();
  }

  /** What has been held back, when nothing more comes. */
  end(): Buffer {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return NOTHING;
    const end = endOfHeader(held);
    // Of a header that isn't whole nothing can be said to be missing.
    if (end < 0) return held;
    const missing = missingFields(held.toString('latin1', 0, end), this.#submission);
    return missing === '' ? held : Buffer.concat([Buffer.from(missing), held]);
  }
}

const NOTHING = Buffer.alloc(0);

/** The sink of a submitted message: it is given what was left out, too. */
export function completing(sink: ContentSink, submission: Submission): ContentSink {
  const completion = new HeaderCompletion(submission);
  const write = (bytes: Buffer) => (bytes.length === 0 ? undefined : sink.write(bytes));
  return {
    ...sink,
    write: (chunk) => write(completion.push(chunk)),
    async commit() {
      await write(completion.end());
      return sink.commit();
    },
  };
}

/** Where the empty line begins, or -1: content may be nothing but a body, or nothing at all. */
function endOfHeader(bytes: Buffer): number {
  if (bytes.length >= 2 && bytes[0] === 13 && bytes[1] === 10) return 0;
  const at = bytes.indexOf('\r\n\r\n');
  return at < 0 ? -1 : at + 2;
}

/** Fields to stand before a header, with their line ends. */
function missingFields(header: string, { from, arrivedAt, messageId }: Submission): string {
  const fields = new Map<string, string>();
  for (const [, name, value] of header.replace(/\r\n(?=[ \t])/g, '').matchAll(/^([!-9;-~]+)[ \t]*:(.*)$/gm)) {
    if (!fields.has(name!.toLowerCase())) fields.set(name!.toLowerCase(), value!.trim());
  }
  const author = fields.get('from');
  const isAnonymous = from === '';
  return [
    fields.has('date') ? '' : `Date: ${messageDate(arrivedAt)}${CRLF}`,
    fields.has('message-id') ? '' : `Message-ID: <${messageId}>${CRLF}`,
    author === undefined && !isAnonymous ? `From: <${from}>${CRLF}` : '',
    // RFC 5322 §3.6.2: of several authors one has sent it.
    author !== undefined && isSeveral(author) && !fields.has('sender') && !isAnonymous
      ? `Sender: <${from}>${CRLF}`
      : '',
  ].join('');
}

/** Whether a comma parts mailboxes, and doesn't stand in a quoted string, a comment or a route. */
function isSeveral(mailboxes: string): boolean {
  return mailboxes.replace(NO_MAILBOX, '').includes(',');
}

// What begins and never ends reaches to the end: it isn't searched again from each of its characters.
const NO_MAILBOX = /"(?:[^"\\]|\\.)*(?:"|\\?$)|\((?:[^()\\]|\\.)*(?:\)|\\?$)|<[^>]*(?:>|$)/g;
