/**
 * Replays one segment: from its snapshot, where that says all that counts, else from its records; makes the one it lacked.
 * Fails with the disk's error, or with `LaneLost` where the file was no longer what had been read of it.
 */
import { PostriderError } from '../errors.ts';
import type { DiskFile } from './disk.ts';
import { RECORD_HEADER } from './format/record.ts';
import { dataStart, decodeSegmentHeader, type SegmentHeader } from './format/segment.ts';
import type { Replay } from './replay.ts';
import { type DamagedRange, type ScanResult, scanSegment } from './scan.ts';
import type { Snapshots } from './snapshots.ts';

export interface SegmentToReplay {
  readonly number: number;
  readonly file: DiskFile;
  readonly size: number;
  readonly header: SegmentHeader;
  /** How far it counts, where a seal says so. */
  readonly sealed: number | undefined;
  /** How far it had been synced at least, as the lease says. */
  readonly synced: number;
  /** Resolves when its bytes up to `to` are on stable storage, whoever wrote them; those below `from` had been before. */
  makeSafe(from: number, to: number): Promise<void>;
}

export interface ReplayedSegment extends ScanResult {
  readonly damage: readonly DamagedRange[];
}

export interface ReplayInto {
  readonly replay: Replay;
  readonly snapshots: Snapshots;
}

export async function replaySegment(
  segment: SegmentToReplay,
  { replay, snapshots }: ReplayInto,
): Promise<ReplayedSegment> {
  const { number, size, header, sealed } = segment;
  const snapshot = await snapshots.replay(header, Math.min(size, sealed ?? size), (entry) =>
    replay.apply(entry, { segment: number, offset: entry.offset, length: entry.length }),
  );
  // What a snapshot says was synced before it was written.
  if (snapshot) return { end: snapshot.end, lastGroup: snapshot.lastGroup, damage: [] };
  return readSegment(segment, { replay, snapshots });
}

async function readSegment(
  { number, file, header, sealed, synced, makeSafe }: SegmentToReplay,
  { replay, snapshots }: ReplayInto,
): Promise<ReplayedSegment> {
  const damage: DamagedRange[] = [];
  const builder = snapshots.builder();
  const { end, lastGroup } = await scanSegment(
    file,
    header,
    {
      record({ type, payload }, offset) {
        const length = RECORD_HEADER + payload.length;
        replay.apply({ type, payload }, { segment: number, offset, length });
        builder.add({ type, offset, length, payload });
      },
      damage: (range) => damage.push(range),
    },
    { synced, ...(sealed === undefined ? {} : { sealed }) },
  );
  // What is served from now on must be there after the next crash too: its writer may have died before its sync.
  if (sealed === undefined) {
    await file.sync();
    if (damage.length === 0 && synced < end) {
      await makeSafe(synced, end);
      await assertKept({ file, header }, synced, end);
    }
  }
  // A segment that is damaged is read again each time: its damage is counted as long as it is there.
  if (damage.length === 0) {
    const { groupMagic } = header;
    await snapshots.write(builder, { segment: number, groupMagic, end, lastGroup });
  }
  return { end, lastGroup, damage };
}

/** A crash of the file server may have torn what was not safe yet, after it was read: then it must all be read again. */
async function assertKept(
  { file, header }: Pick<SegmentToReplay, 'file' | 'header'>,
  from: number,
  end: number,
): Promise<void> {
  const head = Buffer.allocUnsafe(dataStart(header));
  const read = await file.read(head, 0);
  let torn = decodeSegmentHeader(head.subarray(0, read)) === undefined;
  const sink = {
    record: () => {},
    damage: () => {
      torn = true;
    },
  };
  await scanSegment(file, header, sink, { sealed: end, from });
  if (torn)
    throw new PostriderError('LaneLost', `segment ${header.number} changed while it was being adopted`);
}
