/**
 * Makes the index of a lane from its folder, after its lease has been claimed. Segments are walked by number from the
 * one that the lease names, as a listing may be old; the walk ends by exclusively creating the next segment, which bars
 * a former owner from it; what each segment counts for is sealed in that new segment's head before anything is written.
 *
 * Fails with `QueueVersionUnsupported` (a newer version's lane), `LaneLost` (a segment can't be seen from this node,
 * though it is there), or the disk's error. Damage is never an error: the rest is served. Where a snapshot says what a
 * segment holds, only its head is read: damage there is found when a message is read.
 */
import { basename, join } from 'node:path';
import type { Clock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import { type Damage, type FoundDamage, keepAside } from './damage.ts';
import { type Disk, type DiskFile, errorCode, messageOf } from './disk.ts';
import { dataStart, decodeSegmentHeader, HEADER_WINDOW, type SegmentHeader } from './format/segment.ts';
import { parseSegmentName, segmentName } from './layout.ts';
import { MessageIndex } from './message-index.ts';
import { Patience } from './patience.ts';
import { Replay } from './replay.ts';
import { replaySegment } from './replay-segment.ts';
import { scanSegment } from './scan.ts';
import type { Snapshots } from './snapshots.ts';
import { makeSafe } from './tail.ts';
import type { TransferState } from './transfer/facts.ts';

export interface Recovered {
  readonly index: MessageIndex;
  /** Oldest segment that still counts. */
  readonly first: number;
  /** How far each segment counts, from `first` on. */
  readonly ends: readonly number[];
  /** Created exclusively under the number after the last. */
  readonly next: DiskFile;
  readonly groupSequence: number;
  /** Highest sequence that a message bears. */
  readonly highest: number;
  readonly transfers: TransferState;
  readonly damage: readonly FoundDamage[];
}

/** What an index is made with. */
interface Rebuilding {
  /** Of our lease. */
  readonly epoch: number;
  /** Resolves where the lane has been ours up to now; else rejects. */
  readonly confirm: () => Promise<void>;
  readonly clock: Clock;
  readonly snapshots: Snapshots;
}

/** What the name of a lease says of the segment that was being written. */
interface Written {
  readonly segment: number;
  /** How far it had been synced at least. */
  readonly end: number;
}

const SCAN_BYTES = 1 << 20;

interface Walked {
  readonly number: number;
  /** Undefined where the file is missing. */
  readonly file: DiskFile | undefined;
  readonly size: number;
  /** Undefined where damaged, or not yet written. */
  readonly header: SegmentHeader | undefined;
}

/** @param written as the claimed lease's name says; segment 0 where there was none yet */
export async function recoverLane(
  disk: Disk,
  folder: string,
  written: Written,
  rebuilding: Rebuilding,
): Promise<Recovered> {
  const { walked, next } = await walk(disk, folder, written, rebuilding);
  try {
    return { ...(await replayAll(disk, folder, { walked, written }, rebuilding)), next };
  } catch (error) {
    await next.close();
    throw error;
  } finally {
    for (const { file } of walked) await file?.close();
  }
}

/**
 * Over a network "there is no such file" may be old news, for a file that another node has made. That a segment is
 * missing is believed of an exclusive create alone.
 */
async function walk(
  disk: Disk,
  folder: string,
  written: Written,
  { clock, epoch, confirm }: Rebuilding,
): Promise<{ walked: Walked[]; next: DiskFile }> {
  const named = written.segment;
  const patience = new Patience(clock);
  const newer: Walked[] = [];
  const older: Walked[] = [];
  let next: DiskFile | undefined;
  try {
    for (let number = Math.max(named, 1); !next; number += 1) {
      let segment = await look(disk, folder, number);
      if (!segment.file) {
        // A later owner may have dropped it.
        if (number === named) await confirm();
        const created = await createUnlessThere(disk, folder, number);
        if (created && number !== named) {
          next = created;
          break;
        }
        // The one that the lease names is lost, or could not be seen.
        await created?.close();
        segment = await openSegment(disk, folder, number);
      }
      newer.push(number === named ? await seeWhole(disk, folder, segment, written.end, patience) : segment);
      assertNotLater(segment, epoch);
    }
    const oldest = await oldestToRead(disk, folder, newer, named);
    for (let number = named - 1; number >= oldest; number -= 1) {
      const segment = await look(disk, folder, number);
      older.unshift(
        await seeWhole(disk, folder, segment, sealOf(newestHeader(newer), number) ?? 0, patience),
      );
    }
    return { walked: [...older, ...newer], next };
  } catch (error) {
    await next?.close();
    for (const { file } of [...older, ...newer]) await file?.close();
    throw error;
  }
}

/** A claimant that was paused must leave alone what a later owner writes, and not stand in its way. */
function assertNotLater({ number, header }: Walked, epoch: number): void {
  if (header === undefined || header.epoch <= epoch) return;
  throw new PostriderError('LaneLost', `segment ${number} of the lane is a later owner's`);
}

/** By the newest seal; where its head is damaged, by the listing. */
async function oldestToRead(
  disk: Disk,
  folder: string,
  newer: readonly Walked[],
  named: number,
): Promise<number> {
  const seal = newestHeader(newer);
  if (seal) return seal.number - seal.seal.length;
  const listed = (await disk.list(folder)).flatMap((name) => parseSegmentName(name) ?? []);
  return Math.min(named, ...listed);
}

async function createUnlessThere(disk: Disk, folder: string, number: number): Promise<DiskFile | undefined> {
  try {
    return await disk.create(join(folder, segmentName(number)), { synchronous: true });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  }
}

async function openSegment(disk: Disk, folder: string, number: number): Promise<Walked> {
  const file = await disk.open(join(folder, segmentName(number)));
  try {
    const size = await file.size();
    const header = await readHeader(file, size);
    // A file of another name, which somebody has put here, or the disk has.
    const isIts = header?.number === number && header.lane === basename(folder);
    return { number, file, size, header: isIts ? header : undefined };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function look(disk: Disk, folder: string, number: number): Promise<Walked> {
  try {
    return await openSegment(disk, folder, number);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return { number, file: undefined, size: 0, header: undefined };
  }
}

/**
 * Over a network a file may be seen as it was a while ago, even by who opens it after the other node has synced it
 * (GlusterFS keeps lengths for a second, and answers from its caches). A segment that is shorter than it is known to be
 * is opened again, until it is seen whole; only then can it be damage.
 *
 * @param least how far it had been synced
 */
async function seeWhole(
  disk: Disk,
  folder: string,
  segment: Walked,
  least: number,
  patience: Patience,
): Promise<Walked> {
  let seen = segment;
  while (seen.file && seen.size < least && (await patience.more())) {
    await seen.file.close();
    seen = await openSegment(disk, folder, seen.number);
  }
  return seen;
}

async function readHeader(file: DiskFile, size: number): Promise<SegmentHeader | undefined> {
  for (const window of [1 << 14, HEADER_WINDOW]) {
    const bytes = Buffer.allocUnsafe(Math.min(size, window));
    const read = await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, read));
    if (header || size <= window) return header;
  }
  return undefined;
}

/** The head whose seal counts: the newest owner's last. */
function newestHeader(walked: readonly Walked[]): SegmentHeader | undefined {
  let newest: SegmentHeader | undefined;
  for (const { header } of walked) {
    if (!header) continue;
    const newer =
      !newest ||
      header.epoch > newest.epoch ||
      (header.epoch === newest.epoch && header.number > newest.number);
    if (newer) newest = header;
  }
  return newest;
}

/**
 * Whether a segment is a former owner's, or claimant's, that has lost the lane: one that a hole keeps apart from those that
 * the newest owner has seen and sealed, which is below. It counts for nothing but the numbers that are given away in it.
 */
const isGhosts = (header: SegmentHeader, seal: SegmentHeader | undefined): boolean =>
  seal !== undefined && header.number > seal.number && header.epoch < seal.epoch;

async function highestIn(file: DiskFile, header: SegmentHeader): Promise<number> {
  const apart = new Replay(new MessageIndex());
  const where = { segment: header.number, offset: 0, length: 0 };
  await scanSegment(file, header, { record: (record) => apart.apply(record, where), damage: () => {} }, {});
  return apart.highest;
}

/** How far a segment counts, where that head seals it. */
function sealOf(seal: SegmentHeader | undefined, number: number): number | undefined {
  if (!seal || number >= seal.number) return undefined;
  return seal.seal[number - (seal.number - seal.seal.length)] ?? 0;
}

async function replayAll(
  disk: Disk,
  folder: string,
  { walked, written }: { readonly walked: Walked[]; readonly written: Written },
  { epoch, snapshots, confirm }: Rebuilding,
): Promise<Omit<Recovered, 'next'>> {
  const seal = newestHeader(walked);
  const sealedFrom = seal ? seal.number - seal.seal.length : 1;
  const index = new MessageIndex();
  const replay = new Replay(index);
  const damage: Damage[] = [];
  const ends: { number: number; end: number }[] = [];
  let groupSequence = 1;
  for (const [i, seen] of walked.entries()) {
    const { number } = seen;
    if (seal && number < sealedFrom) continue;
    const segment = await begunSince(disk, folder, seen, number - sealedFrom);
    // For whoever closes them all.
    walked[i] = segment;
    assertNotLater(segment, epoch);
    const { file, header } = segment;
    const sealed = sealOf(seal, number);
    const synced = number === written.segment ? written.end : 0;
    if (file && header && isGhosts(header, seal)) {
      replay.highest = Math.max(replay.highest, await highestIn(file, header));
      ends.push({ number, end: 0 });
      continue;
    }
    if (sealed === 0) {
      ends.push({ number, end: 0 });
      continue;
    }
    if (!file || !header) {
      const behind = file ? await writtenBehindHead(file, segment.size, number - sealedFrom) : 0;
      const lost = sealed ?? Math.max(behind, synced);
      if (lost > 0) damage.push({ segment: number, from: 0, to: lost });
      ends.push({ number, end: sealed ?? 0 });
      continue;
    }
    const result = await replaySegment(
      {
        ...{ number, file, header, sealed, synced, size: segment.size },
        makeSafe: (from, to) => makeSafe(disk, join(folder, segmentName(number)), from, to),
      },
      { replay, snapshots },
    );
    for (const range of result.damage) damage.push({ segment: number, ...range });
    groupSequence = Math.max(groupSequence, result.lastGroup + 1);
    ends.push({ number, end: result.end > dataStart(header) ? result.end : 0 });
  }
  const first = Math.max(replay.firstSegment, sealedFrom, ends[0]?.number ?? 1);
  // Nothing in dropped segments was needed: of those, a crash may have brought back the older without the newer.
  index.forget(first);
  replay.transfers.forget(first);
  // What is missing, or damaged, may have been taken away by a later owner while we were paused.
  await confirm();
  for (const { number, file } of walked) {
    if (!file && number >= first) await assertMissing(disk, folder, number);
  }
  const living = ends.filter(({ number }) => number >= first);
  const counted = damage.filter(({ segment }) => segment >= first);
  const found: FoundDamage[] = [];
  for (const one of counted) {
    const keptAside = await keepAside(disk, folder, one).then(() => true as const, messageOf);
    found.push({ ...one, keptAside });
  }
  return {
    index,
    first,
    ends: living.map(({ end }) => end),
    groupSequence,
    highest: replay.highest,
    transfers: replay.transfers,
    damage: found,
  };
}

/**
 * A former owner that goes on may begin a segment that it had made, from its reserve, after that was looked at: where there
 * is something behind a head that was missing, it is there by now. What such a segment holds counts, as a torn tail would.
 */
async function begunSince(disk: Disk, folder: string, seen: Walked, sealed: number): Promise<Walked> {
  const { number, file, header, size } = seen;
  if (!file || header || (await writtenBehindHead(file, size, sealed)) === 0) return seen;
  const again = await openSegment(disk, folder, number);
  await file.close();
  return again;
}

/** A segment that is there, and not seen, must not be given up for lost: compaction would drop it. */
async function assertMissing(disk: Disk, folder: string, number: number): Promise<void> {
  const created = await createUnlessThere(disk, folder, number);
  if (!created) throw new PostriderError('LaneLost', `segment ${number} of the lane can't be seen from here`);
  await created.close();
}

/**
 * How much of a segment is lost with its head: a head that was never synced has nothing behind it, and what it would
 * have been may be there in part.
 *
 * @param sealed segments that its head names at most
 */
async function writtenBehindHead(file: DiskFile, size: number, sealed: number): Promise<number> {
  const bytes = Buffer.allocUnsafe(SCAN_BYTES);
  for (let at = dataStart({ seal: { length: sealed } }); at < size; at += SCAN_BYTES) {
    const read = await file.read(bytes, at);
    if (bytes.subarray(0, read).some((byte) => byte !== 0)) return size;
  }
  return 0;
}
