/**
 * A snapshot of a segment: what its records say to the index, without envelopes and contents. Derived from the segment
 * alone, and bound to it by its group magic, so that replaying it is replaying the segment up to `end`. Pure; damage and
 * other versions are a reason to ignore it.
 *
 * ```
 *  0 magic 8 | 8 version 2 | 10 unused 2 | 12 segment 4 | 16 epoch of who wrote it 6 | 22 unused 2 | 24 group magic 8
 * 32 end 6 | 38 last group 6 | 44 entries 4 | 48 length of the entries 4 | 52 CRC-32 of the entries 4
 * 56 CRC-32 of bytes 0 to 56 4 | 60 entries
 * ```
 * An entry: `0 type 1 | 1 unused 1 | 2 offset 6 | 8 length of the record 4 | 12 length of the payload 4 | 16 payload`.
 */
import { crc32 } from 'node:zlib';
import { withoutContent } from './message.ts';
import { type RecordType, recordTypeOf, recordTypes } from './record.ts';

const MAGIC = Buffer.from('POSTRSNP', 'latin1');
const VERSION = 1;
export const SNAPSHOT_HEADER = 60;
const ENTRY = 16;
const CHUNK = 256 << 10;

export interface SnapshotAbout {
  readonly segment: number;
  readonly epoch: number;
  readonly groupMagic: Buffer;
  /** Offset in the segment up to which its groups are in here. */
  readonly end: number;
  /** Sequence of the last of them, or 0. */
  readonly lastGroup: number;
}

export interface SnapshotEntry {
  readonly type: RecordType;
  /** Of the record in its segment. */
  readonly offset: number;
  readonly length: number;
  readonly payload: Buffer;
}

/** Gathers entries as the records are written, or read. */
export class SnapshotBuilder {
  readonly #limit: number;
  #full: Buffer[] = [];
  #chunk = Buffer.alloc(0);
  #used = 0;
  #length = 0;
  #entries = 0;
  #crc = 0;
  #given = false;

  /** @param limit bytes beyond which a snapshot saves nothing over the segment itself */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param payload of the record; its content may be missing */
  add(entry: SnapshotEntry): void {
    if (this.#given) return;
    const payload = withoutContent(entry.type, entry.payload);
    const length = ENTRY + payload.length;
    if (this.#length + length > this.#limit) {
      this.#giveUp();
      return;
    }
    if (this.#used + length > this.#chunk.length) this.#next(length);
    const at = this.#used;
    this.#chunk.writeUInt16LE(recordTypes[entry.type], at);
    this.#chunk.writeUIntLE(entry.offset, at + 2, 6);
    this.#chunk.writeUInt32LE(entry.length, at + 8);
    this.#chunk.writeUInt32LE(payload.length, at + 12);
    payload.copy(this.#chunk, at + ENTRY);
    this.#used += length;
    this.#length += length;
    this.#entries += 1;
  }

  #giveUp(): void {
    this.#given = true;
    this.#full = [];
    this.#chunk = Buffer.alloc(0);
  }

  /** The snapshot's bytes; undefined where there is none to be made. Called once. */
  finish(about: SnapshotAbout): Buffer[] | undefined {
    if (this.#given) return undefined;
    this.#next(0);
    const header = Buffer.alloc(SNAPSHOT_HEADER);
    MAGIC.copy(header);
    header.writeUInt16LE(VERSION, 8);
    header.writeUInt32LE(about.segment, 12);
    header.writeUIntLE(about.epoch, 16, 6);
    about.groupMagic.copy(header, 24);
    header.writeUIntLE(about.end, 32, 6);
    header.writeUIntLE(about.lastGroup, 38, 6);
    header.writeUInt32LE(this.#entries, 44);
    header.writeUInt32LE(this.#length, 48);
    header.writeUInt32LE(this.#crc, 52);
    header.writeUInt32LE(crc32(header.subarray(0, 56)), 56);
    return [header, ...this.#full];
  }

  #next(room: number): void {
    if (this.#used > 0) {
      const done = this.#chunk.subarray(0, this.#used);
      this.#crc = crc32(done, this.#crc);
      this.#full.push(done);
    }
    this.#used = 0;
    this.#chunk = room > 0 ? Buffer.allocUnsafeSlow(Math.max(CHUNK, room)) : Buffer.alloc(0);
  }
}

/** What stands before the entries. */
export interface SnapshotHead extends SnapshotAbout {
  /** Bytes of the entries, which begin at `SNAPSHOT_HEADER`. */
  readonly length: number;
  /** CRC-32 of the entries. */
  readonly crc: number;
}

/** The head, or why the snapshot can't be used. */
export function decodeSnapshotHead(bytes: Buffer): SnapshotHead | string {
  if (bytes.length < SNAPSHOT_HEADER || !bytes.subarray(0, 8).equals(MAGIC)) return 'not a snapshot';
  const version = bytes.readUInt16LE(8);
  if (version !== VERSION) return `of version ${version}`;
  if (crc32(bytes.subarray(0, 56)) !== bytes.readUInt32LE(56)) return 'damaged';
  return {
    segment: bytes.readUInt32LE(12),
    epoch: bytes.readUIntLE(16, 6),
    groupMagic: bytes.subarray(24, 32),
    end: bytes.readUIntLE(32, 6),
    lastGroup: bytes.readUIntLE(38, 6),
    length: bytes.readUInt32LE(48),
    crc: bytes.readUInt32LE(52),
  };
}

/** The entry at `at`, and how long it is; undefined where not all of it is there. */
export function decodeSnapshotEntry(
  bytes: Buffer,
  at: number,
): { readonly entry: SnapshotEntry; readonly length: number } | undefined {
  if (at + ENTRY > bytes.length) return undefined;
  const length = ENTRY + bytes.readUInt32LE(at + 12);
  if (at + length > bytes.length) return undefined;
  const entry = {
    type: recordTypeOf(bytes.readUInt16LE(at)),
    offset: bytes.readUIntLE(at + 2, 6),
    length: bytes.readUInt32LE(at + 8),
    payload: bytes.subarray(at + ENTRY, at + length),
  };
  return { entry, length };
}
