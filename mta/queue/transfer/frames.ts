/**
 * Messages on their way to another pod, one after the other in one stream, each with checksums of its own from disk to
 * disk. Bounded memory: contents pass through in pieces. Throws `TransferDamaged` where a stream is not what was sent.
 *
 * ```
 * 0 'PRMV' 4 | 4 length of the header 4 | 8 content size 6 | 14 unused 2 | 16 CRC-32 of bytes 0 to 16 and the header 4
 * 20 header as JSON | content | CRC-32 of the content 4
 * ```
 */
import { crc32 } from 'node:zlib';
import type { Envelope } from '../../envelope.ts';
import { PostriderError } from '../../errors.ts';
import type { Job, MessageContent } from '../types.ts';

const MAGIC = Buffer.from('PRMV', 'latin1');
const PREFIX = 20;
const TRAILER = 4;
/** Of envelope and jobs: a hundred thousand recipients with everything that they may have. */
const LARGEST_HEADER = 64 << 20;

export interface FrameHeader {
  /** In the sender's lane. */
  readonly sequence: number;
  readonly envelope: Envelope;
  readonly jobs: readonly Job[];
}

/** One message as a frame. Throws what its content does. */
export async function* encodeFrame(header: FrameHeader, content: MessageContent): AsyncGenerator<Buffer> {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(PREFIX);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(json.length, 4);
  prefix.writeUIntLE(content.size, 8, 6);
  prefix.writeUInt32LE(crc32(json, crc32(prefix.subarray(0, 16))), 16);
  yield prefix;
  yield json;
  let crc = 0;
  if (content.bytes) {
    crc = crc32(content.bytes);
    yield content.bytes;
  } else {
    for await (const chunk of content.stream() as AsyncIterable<Buffer>) {
      crc = crc32(chunk, crc);
      yield chunk;
    }
  }
  const trailer = Buffer.alloc(TRAILER);
  trailer.writeUInt32LE(crc);
  yield trailer;
}

/** What takes one message's content. */
export interface FrameSink {
  write(chunk: Buffer): Promise<void> | undefined;
  /** The content is whole, and is what was sent. */
  end(): Promise<void> | void;
}

export class FrameReader {
  readonly #begin: (header: FrameHeader) => FrameSink;
  readonly #parts: Buffer[] = [];
  #gathered = 0;
  #prefix: Buffer | undefined;
  #sink: FrameSink | undefined;
  #contentLeft = 0;
  #crc = 0;

  /** @param begin called with each message's header, when it has been checked */
  constructor(begin: (header: FrameHeader) => FrameSink) {
    this.#begin = begin;
  }

  /** Whether the stream may end here. */
  get complete(): boolean {
    return this.#prefix === undefined && this.#gathered === 0;
  }

  /** Takes the next bytes; resolves when more may come. Rejects as its sinks do. */
  async write(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#sink && this.#contentLeft > 0) {
        const piece = rest.subarray(0, this.#contentLeft);
        this.#crc = crc32(piece, this.#crc);
        this.#contentLeft -= piece.length;
        await this.#sink.write(piece);
        rest = rest.subarray(piece.length);
        continue;
      }
      const piece = rest.subarray(0, this.#wanted - this.#gathered);
      this.#parts.push(piece);
      this.#gathered += piece.length;
      rest = rest.subarray(piece.length);
      if (this.#gathered === this.#wanted) await this.#part(this.#take());
    }
  }

  /** Bytes of the part that is being gathered: prefix, header or trailer. */
  get #wanted(): number {
    if (!this.#prefix) return PREFIX;
    return this.#sink ? TRAILER : this.#prefix.readUInt32LE(4);
  }

  #take(): Buffer {
    this.#gathered = 0;
    return Buffer.concat(this.#parts.splice(0));
  }

  async #part(bytes: Buffer): Promise<void> {
    if (!this.#prefix) {
      const length = bytes.readUInt32LE(4);
      if (!bytes.subarray(0, 4).equals(MAGIC) || length === 0 || length > LARGEST_HEADER) throw damaged();
      this.#prefix = bytes;
    } else if (!this.#sink) {
      if (crc32(bytes, crc32(this.#prefix.subarray(0, 16))) !== this.#prefix.readUInt32LE(16))
        throw damaged();
      this.#contentLeft = this.#prefix.readUIntLE(8, 6);
      this.#crc = 0;
      this.#sink = this.#begin(JSON.parse(bytes.toString()) as FrameHeader);
    } else {
      if (bytes.readUInt32LE(0) !== this.#crc) throw damaged();
      const sink = this.#sink;
      this.#sink = undefined;
      this.#prefix = undefined;
      await sink.end();
    }
  }
}

function damaged(): PostriderError {
  return new PostriderError('TransferDamaged', 'a message that was being moved is not what was sent', {
    hint: 'It is sent again. If it stays so, check the memory and the disk of the pod that sends it.',
  });
}
