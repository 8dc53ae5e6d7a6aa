/** Content cut at its line ends, in bounded memory: a line that is longer than a piece may be comes in several. */
import type { MessageContent } from '../queue/types.ts';

const LF = 10;
const LONGEST_PIECE = 16 * 1024;

export interface Piece {
  /** Up to and with its LF, where it has one. */
  readonly bytes: Buffer;
  /** Whether a line begins with it. */
  readonly startsLine: boolean;
}

export async function* piecesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Piece, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let startsLine = true;
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, at)) {
      yield { bytes: bytes.subarray(at, lf + 1), startsLine };
      startsLine = true;
      at = lf + 1;
    }
    rest = bytes.subarray(at);
    if (rest.length > LONGEST_PIECE) {
      yield { bytes: rest, startsLine };
      startsLine = false;
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0) yield { bytes: rest, startsLine };
}

/** The same of content that is in memory. */
export function* linesOf(bytes: Buffer): Generator<Piece, void, undefined> {
  for (let at = 0; at < bytes.length; ) {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf + 1;
    yield { bytes: bytes.subarray(at, end), startsLine: true };
    at = end;
  }
}

export async function* chunksOf(content: MessageContent): AsyncGenerator<Buffer, void, undefined> {
  if (content.bytes !== undefined) yield content.bytes;
  else yield* content.stream() as AsyncIterable<Buffer>;
}
