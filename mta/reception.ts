/**
 * What is learnt of a message's content while it arrives, in one pass and bounded memory: how many hops it has behind
 * it, its Message-ID, and whether it has octets above 127.
 */
import { isAscii } from 'node:buffer';
import { scanHeader } from './trace.ts';

/** A header longer than this is scanned as far as this: enough for the hops of any mail that isn't looping. */
const LONGEST_HEADER = 256 * 1024;

export class Reception {
  #header: Buffer | undefined;
  #scanned = false;
  hops = 0;
  messageId: string | undefined;
  eightBit = false;

  /** Looks at the next bytes of the content; keeps them only while the header lasts. */
  see(chunk: Buffer): void {
    if (!this.eightBit && !isAscii(chunk)) this.eightBit = true;
    if (this.#scanned) return;
    this.#header = this.#header === undefined ? chunk : Buffer.concat([this.#header, chunk]);
    const { hops, messageId, end } = scanHeader(this.#header);
    this.hops = hops;
    this.messageId = messageId;
    if (end >= 0 || this.#header.length > LONGEST_HEADER) {
      this.#scanned = true;
      this.#header = undefined;
    }
  }
}
