/**
 * Decodes the content of DATA: takes the bytes as they arrive in any chunking, undoes dot-stuffing after CRLF, finds
 * the end at CRLF.CRLF and nowhere else, and stops at the first CR or LF that stands alone, which is where another
 * server could see an end that we don't (SMTP smuggling). Pure; fails by its state `bare`, after which nothing of the
 * message may be used.
 */
const CR = 13;
const LF = 10;
const DOT = 46;

type Position = 'lineStart' | 'inLine' | 'afterCr' | 'afterDot' | 'afterDotCr';

export class DataDecoder {
  /** `open`: more is to come; `ended`: the final dot was seen; `bare`: a CR or LF stood alone. */
  state: 'open' | 'ended' | 'bare' = 'open';
  /** Octets of the message so far, without the dots of transparency (RFC 1870 §5). */
  size = 0;
  /** Whether a line was longer than the limit, CRLF included (RFC 5321 §4.5.3.1.6). */
  lineTooLong = false;
  readonly #lineLimit: number;
  // The <CRLF> of the DATA command is the start of the first line (RFC 5321 §4.1.1.4).
  #position: Position = 'lineStart';
  #lineBytes = 0;

  constructor(lineLimit: number) {
    this.#lineLimit = lineLimit;
  }

  /**
   * Decodes `chunk` and passes slices of it, not copies, to `emit`.
   *
   * @returns how many bytes of the chunk belong to the message and its final dot; what follows is a command
   */
  push(chunk: Buffer, emit: (slice: Buffer) => void): number {
    const { length } = chunk;
    if (length === 0) return 0;
    let from = 0;
    let at = 0;
    if (this.#position === 'afterDotCr') return chunk[0] === LF ? this.#end(1) : this.#fail();
    if (this.#position === 'afterDot') {
      if (chunk[0] === CR) return this.#afterDotCr(chunk, 1);
      this.#position = 'inLine';
    } else if (this.#position === 'afterCr') {
      if (chunk[0] !== LF) return this.#fail();
      this.#endLine(1);
      at = 1;
    }
    while (at < length) {
      if (this.#position === 'lineStart') {
        this.#position = 'inLine';
        if (chunk[at] === DOT) {
          // RFC 5321 §4.5.2
          this.#emit(chunk, from, at, emit);
          at += 1;
          from = at;
          if (at === length) {
            this.#position = 'afterDot';
            return length;
          }
          if (chunk[at] === CR) return this.#afterDotCr(chunk, at + 1);
        }
      }
      const lf = chunk.indexOf(LF, at);
      const cr = chunk.indexOf(CR, at);
      if (lf < 0) {
        if (cr >= 0 && cr !== length - 1) return this.#fail();
        this.#position = cr < 0 ? 'inLine' : 'afterCr';
        this.#count(length - at);
        break;
      }
      // RFC 5321 §2.3.8
      if (cr < 0 || cr !== lf - 1) return this.#fail();
      this.#endLine(lf + 1 - at);
      at = lf + 1;
    }
    this.#emit(chunk, from, length, emit);
    return length;
  }

  /** A dot that began a line and its CR have been read; `at` is what follows them. */
  #afterDotCr(chunk: Buffer, at: number): number {
    if (at === chunk.length) {
      this.#position = 'afterDotCr';
      return at;
    }
    return chunk[at] === LF ? this.#end(at + 1) : this.#fail();
  }

  #count(bytes: number): void {
    this.#lineBytes += bytes;
    if (this.#lineBytes > this.#lineLimit) this.lineTooLong = true;
  }

  #endLine(bytes: number): void {
    this.#count(bytes);
    this.#lineBytes = 0;
    this.#position = 'lineStart';
  }

  #emit(chunk: Buffer, from: number, to: number, emit: (slice: Buffer) => void): void {
    if (to === from) return;
    this.size += to - from;
    emit(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
  }

  #end(consumed: number): number {
    this.state = 'ended';
    return consumed;
  }

  #fail(): number {
    this.state = 'bare';
    return 0;
  }
}
