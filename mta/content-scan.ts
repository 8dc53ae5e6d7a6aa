/**
 * What is learnt of a message's content while it arrives, in one pass and bounded memory: how many hops it has behind
 * it, its Message-ID, whether it may go without TLS, and whether it has octets above 127.
 */
import { isAscii } from 'node:buffer';
import { scanHeader } from './trace.ts';

/** A header longer than this is scanned as far as this: enough for the hops of any mail that isn't looping. */
const LONGEST_HEADER = 256 * 1024;

export interface ContentFacts {
  readonly hops: number;
  readonly messageId: string | undefined;
  /** RFC 8689 §3: `TLS-Required: No`. */
  readonly tlsOptional: boolean;
  readonly eightBit: boolean;
}

export class ContentScan {
  /** What may still be header; undefined once its end was seen. */
  #pending: Buffer[] | undefined = [];
  #pendingBytes = 0;
  /** Scanned again only when it has doubled: a header that drips in costs no more than one that comes at once. */
  #scanAt = 1;
  #header = { hops: 0, messageId: undefined as string | undefined, tlsOptional: false };
  #eightBit = false;

  see(chunk: Buffer): void {
    if (!this.#eightBit && !isAscii(chunk)) this.#eightBit = true;
    if (this.#pending === undefined) return;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes >= this.#scanAt) this.#scan(this.#pending);
  }

  /** After the last chunk. */
  finish(): ContentFacts {
    if (this.#pending !== undefined) this.#scan(this.#pending);
    return { ...this.#header, eightBit: this.#eightBit };
  }

  #scan(pending: readonly Buffer[]): void {
    const bytes = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
    const { end, ...header } = scanHeader(bytes);
    this.#header = header;
    const done = end >= 0 || bytes.length > LONGEST_HEADER;
    this.#pending = done ? undefined : [bytes];
    this.#scanAt = 2 * bytes.length;
  }
}
