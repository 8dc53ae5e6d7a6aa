/**
 * What a client has sent and nobody has looked at yet: gives it out as command lines, or as raw bytes for DATA. Pure.
 * Memory is bounded by the longest command line, whatever the client sends: the rest of a longer line is dropped.
 * A CR or LF that stands alone is never taken for the end of a line; it is reported, and nothing after it is given.
 */
const CR = 13;
const LF = 10;
const EMPTY = Buffer.alloc(0);

/** A line that was longer than the limit; its bytes are gone. */
export const TOO_LONG = Symbol('line too long');
/** A bare CR or LF was found (RFC 5321 §2.3.8). */
export const BARE = Symbol('bare CR or LF');
export type Line = string | typeof TOO_LONG | typeof BARE;

export class Input {
  readonly #limit: number;
  #chunk: Buffer = EMPTY;
  #at = 0;
  // The beginning of a line whose end has not arrived.
  #carry: Buffer = EMPTY;
  #carried = 0;
  #tooLong = false;
  #endsInCr = false;

  /** @param limit longest command line in octets, without CRLF */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether bytes are waiting that no line and nobody else has taken. */
  get pending(): boolean {
    return this.#at < this.#chunk.length;
  }

  push(chunk: Buffer): void {
    this.#chunk = this.pending ? Buffer.concat([this.#chunk.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
  }

  /** The next line without its CRLF, each octet as one character; undefined when more has to arrive first. */
  next(): Line | undefined {
    if (!this.pending) return undefined;
    const chunk = this.#chunk;
    const at = this.#at;
    const lf = chunk.indexOf(LF, at);
    const cr = chunk.indexOf(CR, at);
    if (this.#endsInCr && lf !== at) return BARE;
    if (lf < 0) {
      if (cr >= 0 && cr !== chunk.length - 1) return BARE;
      this.#keep(chunk.subarray(at));
      return undefined;
    }
    if (lf === at ? !this.#endsInCr : cr !== lf - 1) return BARE;
    this.#at = lf + 1;
    if (this.#carried === 0 && !this.#tooLong) {
      return lf - 1 - at > this.#limit ? TOO_LONG : chunk.toString('latin1', at, lf - 1);
    }
    this.#keepBytes(chunk.subarray(at, lf + 1));
    const line = this.#tooLong ? TOO_LONG : this.#carry.toString('latin1', 0, this.#carried - 2);
    this.#forgetLine();
    return line;
  }

  /** Takes all bytes that wait, as they are. */
  take(): Buffer {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = EMPTY;
    this.#at = 0;
    return rest;
  }

  /** Gives back what was not used of a `take`. */
  putBack(rest: Buffer): void {
    this.#chunk = rest;
    this.#at = 0;
  }

  /** Forgets everything: what was sent before STARTTLS must not be seen after it (RFC 3207 §4.2). */
  clear(): void {
    this.take();
    this.#forgetLine();
  }

  #keep(rest: Buffer): void {
    this.#keepBytes(rest);
    this.#endsInCr = rest[rest.length - 1] === CR;
    this.#chunk = EMPTY;
    this.#at = 0;
  }

  #keepBytes(bytes: Buffer): void {
    const length = this.#carried + bytes.length;
    if (this.#tooLong || length > this.#limit + 2) {
      this.#tooLong = true;
      this.#carry = EMPTY;
      this.#carried = 0;
      return;
    }
    if (length > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(2 * length, this.#limit + 2));
      this.#carry.copy(grown, 0, 0, this.#carried);
      this.#carry = grown;
    }
    bytes.copy(this.#carry, this.#carried);
    this.#carried = length;
  }

  #forgetLine(): void {
    this.#carry = EMPTY;
    this.#carried = 0;
    this.#tooLong = false;
    this.#endsInCr = false;
  }
}
