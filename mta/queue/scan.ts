/**
 * Reads the groups of one segment in order. A damaged place is a torn tail where nothing proves that it was ever synced,
 * and the scan ends there. It is corruption where a seal or a later group does prove it: then the intact records of the
 * group are served, or, where its header is damaged, the scan goes on at the next group; the caller hears of it.
 */
import type { DiskFile } from './disk.ts';
import { type DecodedRecord, decodeGroup, decodeGroupHeader, GROUP_HEADER } from './format/group.ts';
import { dataStart, type SegmentHeader } from './format/segment.ts';

const WINDOW = 4 << 20;

export interface DamagedRange {
  readonly from: number;
  readonly to: number;
}

export interface ScanSink {
  record(record: DecodedRecord, offset: number): void;
  damage(range: DamagedRange): void;
}

export interface ScanResult {
  /** How far the segment counts. */
  readonly end: number;
  /** Sequence of the last group, or 0. */
  readonly lastGroup: number;
}

/** A file seen through a window that moves with the reader. */
class WindowReader {
  readonly #file: DiskFile;
  readonly #size: number;
  #at = 0;
  #window = Buffer.alloc(0);
  #memory = Buffer.alloc(0);

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** `length` bytes from `at`, fewer at the end of what is looked at; valid until the next call. */
  async bytes(at: number, length: number): Promise<Buffer> {
    const end = Math.min(at + length, this.#size);
    if (at < this.#at || end > this.#at + this.#window.length) {
      const wanted = Math.min(Math.max(length, WINDOW), Math.max(0, this.#size - at));
      // The same memory again: reading a segment must not cost its size.
      if (wanted > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(wanted);
      const read = await this.#file.read(this.#memory.subarray(0, wanted), at);
      this.#window = this.#memory.subarray(0, read);
      this.#at = at;
    }
    return this.#window.subarray(at - this.#at, Math.max(at, end) - this.#at);
  }
}

/**
 * @param sealed how far the segment counts, where a seal says so
 * @param synced how far it had been synced at least: damage below that is none of a torn tail
 * @param from where a group begins: those before it are passed over
 */
export async function scanSegment(
  file: DiskFile,
  header: SegmentHeader,
  sink: ScanSink,
  { sealed, synced = 0, from = 0 }: { sealed?: number; synced?: number; from?: number },
): Promise<ScanResult> {
  const size = Math.min(await file.size(), sealed ?? Number.POSITIVE_INFINITY);
  const reader = new WindowReader(file, size);
  const magic = header.groupMagic;
  let at = Math.max(dataStart(header), from);
  const least = sealed ?? synced;
  let lastGroup = 0;
  while (at < size) {
    const group = decodeGroupHeader(await reader.bytes(at, GROUP_HEADER), 0, magic);
    const next = at + GROUP_HEADER + (group?.length ?? 0);
    if (group && next <= size) {
      const bytes = await reader.bytes(at + GROUP_HEADER, group.length);
      let decoded = decodeGroup(group, bytes);
      const whole = decoded.intact;
      if (!whole) decoded = decodeGroup(group, Buffer.from(bytes));
      if (whole || sealed !== undefined || at < synced || (await proven(reader, next, size, magic, at))) {
        for (const record of decoded.records) sink.record(record, at + GROUP_HEADER + record.offset);
        if (!whole) sink.damage({ from: at, to: next });
        lastGroup = group.sequence;
        at = next;
        continue;
      }
      return { end: at, lastGroup };
    }
    const found = await findGroup(reader, at + 1, size, magic);
    const isProven = sealed !== undefined || at < synced || (found !== undefined && found.proven > at);
    if (!isProven) return { end: at, lastGroup };
    const intact = found?.at ?? Math.max(size, least);
    sink.damage({ from: at, to: intact });
    at = intact;
  }
  // A segment that is shorter than it was has lost its end.
  if (at < least) sink.damage({ from: at, to: least });
  // A head that was cut short is all that there is.
  return { end: sealed ?? Math.min(at, size), lastGroup };
}

/** Whether a group from `from` on says that the place `at` had been synced. */
async function proven(
  reader: WindowReader,
  from: number,
  size: number,
  magic: Buffer,
  at: number,
): Promise<boolean> {
  const found = await findGroup(reader, from, size, magic);
  return found !== undefined && found.proven > at;
}

/** The next place from `from` on where an intact group header lies. */
async function findGroup(
  reader: WindowReader,
  from: number,
  size: number,
  magic: Buffer,
): Promise<{ at: number; proven: number } | undefined> {
  let at = from;
  while (at + GROUP_HEADER <= size) {
    const bytes = await reader.bytes(at, Math.min(WINDOW, size - at));
    let hit = bytes.indexOf(magic);
    while (hit >= 0 && hit + GROUP_HEADER <= bytes.length) {
      const group = decodeGroupHeader(bytes, hit, magic);
      if (group) return { at: at + hit, proven: group.proven };
      hit = bytes.indexOf(magic, hit + 1);
    }
    if (at + bytes.length >= size) return undefined;
    at += Math.max(1, bytes.length - GROUP_HEADER);
  }
  return undefined;
}
