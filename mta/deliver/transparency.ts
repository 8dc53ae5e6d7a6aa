/**
 * Transparency (RFC 5321 §4.5.2): a line that begins with a dot gets another one. Content without such lines passes
 * without a copy. Pure.
 */

const DOT = 0x2e;
const CR = 0x0d;
const LF = 0x0a;

/** Encodes one message, in pieces of any size. */
export class DotStuffer {
  // The content starts as a line does, so it starts as if a line had just ended.
  #lastTwo = (CR << 8) | LF;

  /** These bytes as they go over the wire: the same Buffer where no line of it begins with a dot. */
  encode(chunk: Buffer): Buffer {
    if (chunk.length === 0) {
      return chunk;
    }
    const dots: number[] = (this.#lastTwo & 0xff) === LF && chunk[0] === DOT ? [0] : [];
    for (let at = chunk.indexOf('\n.'); at >= 0; at = chunk.indexOf('\n.', at + 2)) {
      dots.push(at + 1);
    }
    this.#lastTwo =
      chunk.length === 1
        ? ((this.#lastTwo & 0xff) << 8) | chunk[0]!
        : (chunk[chunk.length - 2]! << 8) | chunk[chunk.length - 1]!;
    return dots.length === 0 ? chunk : withDots(chunk, dots);
  }

  /** What ends the content: the dot alone on its line. */
  end(): Buffer {
    return this.#lastTwo === ((CR << 8) | LF) ? FINAL_DOT : LINE_END_AND_FINAL_DOT;
  }
}

const FINAL_DOT = Buffer.from('.\r\n');
const LINE_END_AND_FINAL_DOT = Buffer.from('\r\n.\r\n');

function withDots(chunk: Buffer, dots: readonly number[]): Buffer {
  const result = Buffer.allocUnsafe(chunk.length + dots.length);
  let from = 0;
  let to = 0;
  for (const dot of dots) {
    to += chunk.copy(result, to, from, dot);
    result[to++] = DOT;
    from = dot;
  }
  chunk.copy(result, to, from);
  return result;
}
