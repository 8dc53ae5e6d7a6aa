/**
 * The head of a segment: who wrote it, and the seal: how far each older living segment counts. It is written twice,
 * as it is small and everything after it hangs on it. Pure; damage is `undefined`, a newer version is an error.
 *
 * ```
 *  0 magic 8 | 8 version 2 | 10 unused 2 | 12 block length 4 | 16 lane 16 | 32 number 4 | 36 epoch 6 | 42 unused 2
 * 44 group magic 8 | 52 first sealed segment 4 | 56 sealed segments 4 | 60 offset 6 each | CRC-32 4
 * ```
 * Integers are little-endian.
 */
import { crc32 } from 'node:zlib';
import { PostriderError } from '../../errors.ts';
import { QUEUE_FORMAT } from '../layout.ts';

const MAGIC = Buffer.from('POSTRSEG', 'latin1');
const FIXED = 60;
/** Copies start at multiples of a disk sector, so that one bad sector leaves the other copy. */
const SECTOR = 512;
/** Room for a seal of 100,000 segments. */
const LONGEST_BLOCK = 1 << 20;

export interface SegmentHeader {
  readonly lane: string;
  readonly number: number;
  /** Number of the lease by which its writer claimed the lane. */
  readonly epoch: number;
  /** Random, so that no content of a message can pass for a group. */
  readonly groupMagic: Buffer;
  /** How far the segments before this one count, oldest first; the last of them is `number - 1`. */
  readonly seal: readonly number[];
}

/** Where the groups begin: behind both copies. */
export const dataStart = (header: { readonly seal: { readonly length: number } }): number =>
  2 * blockLength(header.seal.length);

function blockLength(sealed: number): number {
  return Math.ceil((FIXED + 6 * sealed + 4) / SECTOR) * SECTOR;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const length = blockLength(header.seal.length);
  const block = Buffer.alloc(length);
  MAGIC.copy(block);
  block.writeUInt16LE(QUEUE_FORMAT, 8);
  block.writeUInt32LE(length, 12);
  block.write(header.lane, 16, 16, 'latin1');
  block.writeUInt32LE(header.number, 32);
  block.writeUIntLE(header.epoch, 36, 6);
  header.groupMagic.copy(block, 44);
  block.writeUInt32LE(header.number - header.seal.length, 52);
  block.writeUInt32LE(header.seal.length, 56);
  let at = FIXED;
  for (const offset of header.seal) {
    block.writeUIntLE(offset, at, 6);
    at += 6;
  }
  block.writeUInt32LE(crc32(block.subarray(0, at)), at);
  return Buffer.concat([block, block]);
}

function decodeCopy(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < FIXED + 4 || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  const version = bytes.readUInt16LE(8);
  if (version > QUEUE_FORMAT) {
    throw new PostriderError(
      'QueueVersionUnsupported',
      `a segment of the queue has format ${version}, this program reads up to ${QUEUE_FORMAT}`,
      { hint: 'Start the version of postrider that wrote it, or a newer one.' },
    );
  }
  const count = bytes.readUInt32LE(56);
  const end = FIXED + 6 * count;
  if (end + 4 > bytes.length || bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;
  const seal = Array.from({ length: count }, (_, i) => bytes.readUIntLE(FIXED + 6 * i, 6));
  return {
    lane: bytes.toString('latin1', 16, 32).replace(/\0+$/, ''),
    number: bytes.readUInt32LE(32),
    epoch: bytes.readUIntLE(36, 6),
    groupMagic: Buffer.from(bytes.subarray(44, 52)),
    seal,
  };
}

/** Bytes of a segment's beginning that hold its header, whatever the seal's length. */
export const HEADER_WINDOW = 2 * LONGEST_BLOCK;

/** The header at the beginning of `bytes`; undefined where both copies are damaged or not there. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  const first = decodeCopy(bytes);
  if (first) return first;
  for (let at = SECTOR; at < Math.min(bytes.length, LONGEST_BLOCK); at += SECTOR) {
    const copy = decodeCopy(bytes.subarray(at));
    // Elsewhere these bytes could be the content of a message that pretends to be a header.
    if (copy && blockLength(copy.seal.length) === at) return copy;
  }
  return undefined;
}
