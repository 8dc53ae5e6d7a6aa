/** Content-Transfer-Encodings, piece by piece (RFC 2045 §6.7 and §6.8). */

export interface Encoder {
  /** What these octets become, as far as that is known without those behind them. */
  push(bytes: Buffer): Buffer;
  /** What is left at the end of the body. */
  end(): Buffer;
}

const [TAB, LF, CR, SPACE, EQUALS] = [9, 10, 13, 32, 0x3d];
/** RFC 2045 §6.7 (5): 76, with the `=` of a soft break. */
const LONGEST_QUOTED = 75;
/** Octets of a line of base64: 76 characters. */
const OCTETS_OF_LINE = 57;
const NOTHING = Buffer.alloc(0);

/** Of text: CRLF is the end of a line, any other control character is quoted. */
export class QuotedPrintableEncoder implements Encoder {
  #width = 0;
  /** A blank or a CR, which mean something else at the end of a line. */
  #held = -1;

  push(bytes: Buffer): Buffer {
    // `=XX` for each, a soft break now and then, and what was held.
    const out = new Output(Math.ceil(bytes.length * 3.2) + 16);
    for (const byte of bytes) this.#take(byte, out);
    return out.bytes();
  }

  end(): Buffer {
    const out = new Output(16);
    if (this.#held >= 0) this.#quote(this.#held, out);
    this.#held = -1;
    return out.bytes();
  }

  #take(byte: number, out: Output): void {
    const held = this.#held;
    this.#held = -1;
    if (held === CR) {
      if (byte === LF) {
        out.lineEnd();
        this.#width = 0;
        return;
      }
      this.#quote(CR, out);
    } else if (held >= 0) {
      if (byte === CR) this.#quote(held, out);
      else this.#literal(held, out);
    }
    if (byte === CR || byte === SPACE || byte === TAB) this.#held = byte;
    else if (byte > SPACE && byte < 127 && byte !== EQUALS) this.#literal(byte, out);
    else this.#quote(byte, out);
  }

  #literal(byte: number, out: Output): void {
    this.#room(1, out);
    out.byte(byte);
  }

  #quote(byte: number, out: Output): void {
    this.#room(3, out);
    out.quoted(byte);
  }

  #room(columns: number, out: Output): void {
    if (this.#width + columns > LONGEST_QUOTED) {
      out.byte(EQUALS);
      out.lineEnd();
      this.#width = 0;
    }
    this.#width += columns;
  }
}

/** Of any octets. */
export class Base64Encoder implements Encoder {
  #rest: Buffer = NOTHING;

  push(bytes: Buffer): Buffer {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % OCTETS_OF_LINE);
    this.#rest = Buffer.from(all.subarray(whole));
    return lines(all.subarray(0, whole));
  }

  end(): Buffer {
    const last = lines(this.#rest);
    this.#rest = NOTHING;
    return last;
  }
}

function lines(bytes: Buffer): Buffer {
  const out: string[] = [];
  for (let at = 0; at < bytes.length; at += OCTETS_OF_LINE) {
    out.push(bytes.toString('base64', at, Math.min(at + OCTETS_OF_LINE, bytes.length)), '\r\n');
  }
  return Buffer.from(out.join(''), 'latin1');
}

class Output {
  readonly #buffer: Buffer;
  #length = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  byte(value: number): void {
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  lineEnd(): void {
    this.byte(CR);
    this.byte(LF);
  }

  quoted(value: number): void {
    this.byte(EQUALS);
    this.byte(HEX.charCodeAt(value >> 4));
    this.byte(HEX.charCodeAt(value & 15));
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

const HEX = '0123456789ABCDEF';
