/**
 * The content of DATA as it arrives: undoes dot-stuffing and finds the end, which is CRLF "." CRLF and nothing else
 * (RFC 5321 §4.5.2). Bare CR and bare LF are content here. Never fails; what follows the end is given back.
 */
const CR = 13;
const LF = 10;
const DOT = 46;

type State = 'lineStart' | 'text' | 'afterCr' | 'afterDot' | 'afterDotCr';

export class DotDecoder {
  #state: State = 'lineStart';

  /**
   * Takes the next bytes from the wire. `content` is what they add to the message; `rest` is there once the end has
   * been seen: the bytes behind it.
   */
  feed(chunk: Buffer): { content: readonly Buffer[]; rest: Buffer | undefined } {
    const content: Buffer[] = [];
    // Start of the run of bytes that goes out unchanged; -1 while there is none.
    let run = this.#state === 'text' || this.#state === 'afterCr' ? 0 : -1;
    const keep = (to: number) => {
      if (run >= 0 && to > run) content.push(chunk.subarray(run, to));
    };

    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      switch (this.#state) {
        case 'lineStart':
          if (byte === DOT) {
            keep(at);
            run = -1;
            this.#state = 'afterDot';
            break;
          }
          if (run < 0) run = at;
          this.#state = byte === CR ? 'afterCr' : 'text';
          break;
        case 'afterDot':
          if (byte === CR) {
            this.#state = 'afterDotCr';
            break;
          }
          run = at;
          this.#state = 'text';
          break;
        case 'afterDotCr':
          if (byte === LF) {
            return { content, rest: chunk.subarray(at + 1) };
          }
          content.push(Buffer.from('\r'));
          run = at;
          this.#state = byte === CR ? 'afterCr' : 'text';
          break;
        case 'afterCr':
          this.#state = byte === LF ? 'lineStart' : byte === CR ? 'afterCr' : 'text';
          break;
        case 'text': {
          const next = chunk.indexOf(CR, at);
          if (next < 0) {
            at = chunk.length;
          } else {
            at = next;
            this.#state = 'afterCr';
          }
          break;
        }
      }
    }
    keep(chunk.length);
    return { content, rest: undefined };
  }
}
