/** Reads a message back. Fails with `QueueDamaged` where its record is not as it was written. */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Envelope } from '../envelope.ts';
import { PostriderError } from '../errors.ts';
import {
  type BodyFile,
  decodeMessage,
  decodeSettled,
  type MessagePart,
  parseEnvelope,
} from './format/message.ts';
import { decodeRecordHead, RECORD_HEADER } from './format/record.ts';
import type { MessageIndex, RecordLocation } from './message-index.ts';
import type { Segments } from './segments.ts';
import type { MessageContent } from './types.ts';

export interface FoundMessage {
  readonly envelope: Envelope;
  /** The content, or the file that holds it. */
  readonly content: BodyFile | Buffer;
}

/** Undefined where the message has ended. */
export async function readMessage(
  segments: Segments,
  index: MessageIndex,
  sequence: number,
): Promise<FoundMessage | undefined> {
  const part = await readPart(segments, index, sequence);
  return part && { envelope: parseEnvelope(part.envelope), content: part.body };
}

/** The stored parts of a message, as compaction moves them. */
export async function readPart(
  segments: Segments,
  index: MessageIndex,
  sequence: number,
): Promise<MessagePart | undefined> {
  for (;;) {
    const where = index.locate(sequence);
    if (!where) return undefined;
    try {
      return decode(await segments.read(where), where);
    } catch (error) {
      // Compaction may have moved it meanwhile, and dropped where it was.
      const now = index.locate(sequence);
      if (now && now.segment === where.segment && now.offset === where.offset) throw error;
    }
  }
}

function decode(bytes: Buffer, where: RecordLocation): MessagePart {
  if (bytes.length !== where.length || bytes.length < RECORD_HEADER) throw damaged(where);
  const head = decodeRecordHead(bytes, 0);
  const payload = bytes.subarray(RECORD_HEADER);
  if (head.payloadLength !== payload.length || head.crc !== crc32(payload)) throw damaged(where);
  if (head.type !== 'settled') return decodeMessage(payload);
  const { report } = decodeSettled(payload);
  if (!report) throw damaged(where);
  return decodeMessage(report.payload);
}

function damaged({ segment, offset }: RecordLocation): PostriderError {
  return new PostriderError('QueueDamaged', `the record at ${offset} of segment ${segment} is damaged`, {
    hint: 'The disk has changed what was written to it: check it, and restore the message from elsewhere.',
  });
}

export function inMemory(bytes: Buffer): MessageContent {
  return { size: bytes.length, bytes, stream: () => Readable.from([bytes], { objectMode: false }) };
}
