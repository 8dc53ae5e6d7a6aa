/**
 * Takes the content of BDAT (RFC 3030 §2): so many octets as each command says, whatever they are. Text has to come in
 * its canonical form, each line ended by CRLF: a bare CR or LF is noted, as another server that is handed it by DATA could
 * see an end there that we don't. Pure.
 */
const CR = 13;
const LF = 10;

export class ChunkDecoder {
  /** `ended`: all octets of the chunk have come. */
  state: 'open' | 'ended' = 'open';
  /** Octets of the message so far (RFC 1870 §5). */
  size = 0;
  /** Whether a line was longer than the limit, CRLF included (RFC 5321 §4.5.3.1.6). */
  lineTooLong = false;
  /** Whether a CR or LF stood alone. */
  isBare = false;
  readonly #lineLimit: number;
  readonly #isBinary: boolean;
  #remaining = 0;
  #lineBytes = 0;
  #endsInCr = false;

  /** @param isBinary lines mean nothing: BODY=BINARYMIME */
  constructor(lineLimit: number, isBinary: boolean) {
    this.#lineLimit = lineLimit;
    this.#isBinary = isBinary;
  }

  /** Another chunk of so many octets. */
  begin(octets: number): void {
    this.#remaining = octets;
    this.state = octets === 0 ? 'ended' : 'open';
  }

  /** Nothing follows: a line that has no end yet has to be one without CR. */
  finish(): void {
    if (this.#endsInCr) this.isBare = true;
  }

  /** Passes a slice of `chunk`, not a copy, to `emit`; returns how many of its bytes that were. */
  push(chunk: Buffer, emit: (slice: Buffer) => void): number {
    const taken = Math.min(chunk.length, this.#remaining);
    if (taken === 0) return 0;
    const slice = taken === chunk.length ? chunk : chunk.subarray(0, taken);
    this.#remaining -= taken;
    this.size += taken;
    if (!this.#isBinary) this.#checkLines(slice);
    if (this.#remaining === 0) this.state = 'ended';
    emit(slice);
    return taken;
  }

  #checkLines(slice: Buffer): void {
    let at = 0;
    if (this.#endsInCr && slice[0] !== LF) this.isBare = true;
    while (at < slice.length) {
      const lf = slice.indexOf(LF, at);
      const cr = slice.indexOf(CR, at);
      const end = lf < 0 ? slice.length : lf + 1;
      // Of a line that began in the chunk before, the CR may be there.
      const isPaired = lf === at ? at === 0 && this.#endsInCr : cr === lf - 1;
      if (lf < 0 ? cr >= 0 && cr !== slice.length - 1 : !isPaired) this.isBare = true;
      this.#lineBytes += end - at;
      if (this.#lineBytes > this.#lineLimit) this.lineTooLong = true;
      if (lf >= 0) this.#lineBytes = 0;
      at = end;
    }
    this.#endsInCr = slice[slice.length - 1] === CR;
  }
}
