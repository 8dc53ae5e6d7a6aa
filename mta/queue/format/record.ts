/**
 * Records, the units of a group: type, length, CRC-32 of the payload, payload. Pure.
 *
 * ```
 * 0 type 1 | 1 unused 3 | 4 payload length 4 | 8 CRC-32 of the payload 4 | 12 payload
 * ```
 */
import { crc32 } from 'node:zlib';
import { PostriderError } from '../../errors.ts';

export const RECORD_HEADER = 12;

/** Types are never reused. A reader refuses the ones that it doesn't know. */
export const recordTypes = {
  /** A new message: envelope, jobs, content or the name of its body file. */
  accepted: 1,
  /** The full state of a message's jobs after a settlement; without jobs the message has left. */
  settled: 2,
  /** A message moved here by compaction, with its jobs as they were then. */
  relocated: 3,
  /** Segments below a number are no longer needed, and are being unlinked. */
  dropped: 4,
  /** Said that a lane is being removed, which its lease says now: read, and written no more. */
  retired: 5,
  /** Sequence numbers below one are given away, though no message may bear them. */
  reserved: 6,
} as const;

export type RecordType = keyof typeof recordTypes;

const names = new Map<number, RecordType>(
  Object.entries(recordTypes).map(([name, number]) => [number, name as RecordType]),
);

export interface EncodedRecord {
  readonly type: RecordType;
  /** The first begins with the record's header. */
  readonly buffers: readonly Buffer[];
  /** Header included. */
  readonly length: number;
}

/**
 * Puts a record's header into the first `RECORD_HEADER` bytes of `head`, which the caller left free.
 *
 * @param tail the rest of the payload, not copied
 */
export function encodeRecord(type: RecordType, head: Buffer, tail?: Buffer): EncodedRecord {
  let crc = crc32(head.subarray(RECORD_HEADER));
  if (tail) crc = crc32(tail, crc);
  const length = head.length + (tail?.length ?? 0);
  head.writeUInt32LE(recordTypes[type], 0);
  head.writeUInt32LE(length - RECORD_HEADER, 4);
  head.writeUInt32LE(crc, 8);
  return { type, buffers: tail && tail.length > 0 ? [head, tail] : [head], length };
}

/** Throws `QueueVersionUnsupported` at a type of a later version. */
export function recordTypeOf(number: number): RecordType {
  const type = names.get(number);
  if (type) return type;
  throw new PostriderError('QueueVersionUnsupported', `the queue holds a record of unknown type ${number}`, {
    hint: 'Start the version of postrider that wrote it, or a newer one.',
  });
}

export interface RecordHead {
  readonly type: RecordType;
  readonly payloadLength: number;
  readonly crc: number;
}

/** Throws `QueueVersionUnsupported` at a type of a later version. */
export function decodeRecordHead(bytes: Buffer, at: number): RecordHead {
  const type = recordTypeOf(bytes.readUInt32LE(at));
  return { type, payloadLength: bytes.readUInt32LE(at + 4), crc: bytes.readUInt32LE(at + 8) };
}
