/**
 * Groups: what one sync makes durable. The header's CRC covers the header, and the headers of all records, which hold
 * the CRC of their payloads: so each byte is summed once. Pure.
 *
 * ```
 * 0 group magic 8 | 8 sequence 6 | 14 unused 2 | 16 length of the records 4 | 20 records 4
 * 24 proven offset 6 | 30 unused 2 | 32 CRC-32 of the record headers 4 | 36 CRC-32 of bytes 0 to 36 4
 * ```
 */
import { crc32 } from 'node:zlib';
import { decodeRecordHead, type EncodedRecord, RECORD_HEADER, type RecordType } from './record.ts';

export const GROUP_HEADER = 40;

export interface GroupHeader {
  /** Counts the groups of a lane, for who reads a segment by eye: what counts follows from offsets and seals alone. */
  readonly sequence: number;
  /** Bytes of the records after the header. */
  readonly length: number;
  readonly records: number;
  /** Everything of this segment below here had been synced before this group was written. */
  readonly proven: number;
  readonly recordsCrc: number;
}

export function encodeGroupHeader(
  magic: Buffer,
  sequence: number,
  proven: number,
  records: readonly EncodedRecord[],
): Buffer {
  const header = Buffer.alloc(GROUP_HEADER);
  let length = 0;
  let crc = 0;
  for (const record of records) {
    length += record.length;
    crc = crc32(record.buffers[0]!.subarray(0, RECORD_HEADER), crc);
  }
  magic.copy(header);
  header.writeUIntLE(sequence, 8, 6);
  header.writeUInt32LE(length, 16);
  header.writeUInt32LE(records.length, 20);
  header.writeUIntLE(proven, 24, 6);
  header.writeUInt32LE(crc, 32);
  header.writeUInt32LE(crc32(header.subarray(0, 36)), 36);
  return header;
}

/** The group header at `at`, or undefined where there is none or it is damaged. */
export function decodeGroupHeader(bytes: Buffer, at: number, magic: Buffer): GroupHeader | undefined {
  if (at + GROUP_HEADER > bytes.length) return undefined;
  if (bytes.compare(magic, 0, 8, at, at + 8) !== 0) return undefined;
  if (crc32(bytes.subarray(at, at + 36)) !== bytes.readUInt32LE(at + 36)) return undefined;
  return {
    sequence: bytes.readUIntLE(at + 8, 6),
    length: bytes.readUInt32LE(at + 16),
    records: bytes.readUInt32LE(at + 20),
    proven: bytes.readUIntLE(at + 24, 6),
    recordsCrc: bytes.readUInt32LE(at + 32),
  };
}

export interface DecodedRecord {
  readonly type: RecordType;
  /** Offset of the record's header from the first record of the group. */
  readonly offset: number;
  readonly payload: Buffer;
}

export interface DecodedGroup {
  /** Those whose bytes are as they were written. */
  readonly records: readonly DecodedRecord[];
  /** Whether all of them are. */
  readonly intact: boolean;
}

/**
 * The records of a group. Throws `QueueVersionUnsupported`, where an intact header names an unknown type.
 *
 * @param bytes exactly the group's records
 */
export function decodeGroup(header: GroupHeader, bytes: Buffer): DecodedGroup {
  const spans: { at: number; length: number }[] = [];
  let at = 0;
  let crc = 0;
  while (spans.length < header.records && at + RECORD_HEADER <= bytes.length) {
    crc = crc32(bytes.subarray(at, at + RECORD_HEADER), crc);
    const length = RECORD_HEADER + bytes.readUInt32LE(at + 4);
    spans.push({ at, length });
    at += length;
  }
  // Without intact record headers nothing says where a record begins.
  if (at !== bytes.length || spans.length !== header.records || crc !== header.recordsCrc) {
    return { records: [], intact: false };
  }
  const records: DecodedRecord[] = [];
  for (const span of spans) {
    const payload = bytes.subarray(span.at + RECORD_HEADER, span.at + span.length);
    const head = decodeRecordHead(bytes, span.at);
    if (crc32(payload) === head.crc) records.push({ type: head.type, offset: span.at, payload });
  }
  return { records, intact: records.length === spans.length };
}
