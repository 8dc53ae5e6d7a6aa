/**
 * Replies of a next hop (RFC 5321 §4.2), read from bytes that may be anything: what is no reply, or never ends, throws
 * `garbageReply`. Text is made harmless before it is stored, logged or put into a report.
 */
import { smtpError } from '../errors.ts';
import type { StoredReply } from '../queue/types.ts';

export interface Reply {
  readonly code: number;
  /** RFC 3463, as the text has it; `x.0.0` where it has none, or one of another class. */
  readonly enhanced: string;
  /** All lines, without codes, separated by a space. */
  readonly text: string;
  /** The lines as they came, without codes: what EHLO's reply is read from. */
  readonly lines: readonly string[];
}

/** RFC 5321 §4.5.3.1.5 says 512 octets for a reply line; real ones are longer. */
const LONGEST_LINE = 4096;
const MOST_LINES = 128;
const LONGEST_TEXT = 1000;

const LF = 0x0a;

/** Collects bytes, gives whole replies. */
export class ReplyReader {
  #carry: Buffer | undefined;
  #lines: string[] = [];
  #code = '';

  /**
   * Replies that end within these bytes, in order; to be taken to their end. What comes before garbage was said: it throws
   * behind that.
   */
  *push(chunk: Buffer): Generator<Reply, void> {
    const bytes = this.#carry === undefined ? chunk : Buffer.concat([this.#carry, chunk]);
    let start = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, start)) {
      const reply = this.#line(bytes.toString('utf8', start, bytes[lf - 1] === 0x0d ? lf - 1 : lf));
      if (reply !== undefined) {
        yield reply;
      }
      start = lf + 1;
    }
    if (bytes.length - start > LONGEST_LINE) {
      throw smtpError('garbageReply', { detail: 'a line without an end', closes: true });
    }
    this.#carry = start === bytes.length ? undefined : bytes.subarray(start);
  }

  /** Whether bytes of an unfinished reply are waiting. */
  get pending(): boolean {
    return this.#carry !== undefined || this.#lines.length > 0;
  }

  #line(line: string): Reply | undefined {
    const code = line.slice(0, 3);
    const separator = line.charAt(3);
    const wellFormed =
      /^[2-5]\d\d$/.test(code) && (separator === ' ' || separator === '-' || separator === '');
    // RFC 5321 §4.2.1: all lines of a reply have the same code.
    if (!wellFormed || (this.#lines.length > 0 && code !== this.#code)) {
      throw smtpError('garbageReply', { detail: sanitize(line, 80), closes: true });
    }
    this.#code = code;
    this.#lines.push(line.slice(4));
    if (separator === '-') {
      if (this.#lines.length >= MOST_LINES) {
        throw smtpError('garbageReply', { detail: 'a reply without an end', closes: true });
      }
      return undefined;
    }
    const lines = this.#lines;
    this.#lines = [];
    return makeReply(Number(code), lines);
  }
}

function makeReply(code: number, lines: readonly string[]): Reply {
  const prefix = /^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)/.exec(lines[0]!)?.[1];
  const own = prefix !== undefined && prefix.charCodeAt(0) === 0x30 + Math.floor(code / 100);
  const texts = own
    ? lines.map((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : line).trim())
    : lines;
  const text = texts.length === 1 ? texts[0]! : texts.filter((line) => line !== '').join(' ');
  return {
    code,
    enhanced: own ? prefix : `${Math.floor(code / 100)}.0.0`,
    text: sanitize(text, LONGEST_TEXT),
    lines,
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd]/g;

/** One line of printable text of at most `longest` characters: control and bidirectional characters become `?`. */
export function sanitize(text: string, longest = LONGEST_TEXT): string {
  const short = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return short.replace(CONTROL, '?');
}

/** As it is kept with a recipient. */
export function storeReply(reply: Reply, remote: string): StoredReply {
  return { code: reply.code, enhanced: reply.enhanced, text: reply.text, remote };
}
