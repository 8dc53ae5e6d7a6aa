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
/** Of the last line, and the empty line behind it. */
const END = '\r\n\r\n';
const NOTHING: Buffer = Buffer.alloc(0);
/** Room that is made at first. */
const SMALLEST = 4096;

export class HeaderCompletion {
  readonly #submission: Submission;
  /** What has come, until the end of the header was seen: in as much room as twice that, so that it is seldom moved. */
  #held: Buffer | undefined = NOTHING;
  #length = 0;
  /** The last octets, in which the end may have begun; before the first line is the end of a line. */
  #last = Buffer.from(CRLF);

  constructor(submission: Submission) {
    this.#submission = submission;
  }

  /** What is to be written now of what has come so far. */
  push(chunk: Buffer): Buffer {
    if (this.#held === undefined) return chunk;
    const end = this.#endIn(chunk);
    // Most headers come in one piece.
    if (end >= 0 && this.#length === 0) {
      this.#held = undefined;
      return this.#complete(chunk, end);
    }
    this.#hold(chunk);
    if (end < 0 && this.#length <= LONGEST_HEADER) return NOTHING;
    const held = this.end();
    // Of a header that is too long nothing is known to be missing.
    return end < 0 ? held : this.#complete(held, end);
  }

  /** What has been held back, when nothing more comes. */
  end(): Buffer {
    const held = this.#held?.subarray(0, this.#length);
    this.#held = undefined;
    return held ?? NOTHING;
  }

  /** Where the empty line begins, in all that has come, or -1: content may be nothing but a body, or nothing at all. */
  #endIn(chunk: Buffer): number {
    const before = this.#length - this.#last.length;
    const seam = Buffer.concat([this.#last, chunk.subarray(0, END.length - 1)]);
    this.#last = seam.subarray(-(END.length - 1));
    if (chunk.length >= END.length) this.#last = Buffer.from(chunk.subarray(-(END.length - 1)));
    const atSeam = seam.indexOf(END);
    if (atSeam >= 0) return before + atSeam + CRLF.length;
    const at = chunk.indexOf(END);
    return at < 0 ? -1 : this.#length + at + CRLF.length;
  }

  #hold(chunk: Buffer): void {
    const held = this.#held!;
    const length = this.#length + chunk.length;
    if (length > held.length) {
      this.#held = Buffer.allocUnsafe(Math.max(2 * length, SMALLEST));
      this.#held.set(held.subarray(0, this.#length));
    }
    this.#held!.set(chunk, this.#length);
    this.#length = length;
  }

  #complete(bytes: Buffer, end: number): Buffer {
    const missing = missingFields(bytes.toString('latin1', 0, end), this.#submission);
    return missing === '' ? bytes : Buffer.concat([Buffer.from(missing), bytes]);
  }
}

/** The sink of a submitted message: it is given what was left out, too. */
export function completing(sink: ContentSink, submission: Submission): ContentSink {
  const completion = new HeaderCompletion(submission);
  const write = (bytes: Buffer) => (bytes.length === 0 ? undefined : sink.write(bytes));
  return {
    ...sink,
    write: (chunk) => write(completion.push(chunk)),
    async commit(without) {
      await write(completion.end());
      return sink.commit(without);
    },
  };
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
