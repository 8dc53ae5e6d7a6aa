/**
 * Makes a lane, or claims one and recovers it. Fails with the disk's error, or `QueueVersionUnsupported`; then the lane
 * is nobody's: one of a newer version is let go at once, any other is left alone for a term. A disk that doesn't answer
 * for a term, at whatever step, is such a failure: the lane is not kept from others, nor its claimant from other lanes.
 */
import { join } from 'node:path';
import { PostriderError } from '../errors.ts';
import type { LaneContext } from './context.ts';
import type { Disk } from './disk.ts';
import type { Host } from './host.ts';
import { Lane, type LaneEvents } from './lane.ts';
import { BODIES, type LeaseName, lanesPath, newLaneId, ownerName } from './layout.ts';
import { Lease } from './lease.ts';
import { type Recovered, recoverLane } from './recovery.ts';
import { letGo } from './releases.ts';
import { removeFormerReserves } from './reserve.ts';
import { Segments } from './segments.ts';
import { Snapshots } from './snapshots.ts';
import { unlessStalled } from './stall.ts';
import { sweepLane } from './sweep.ts';
import { renewRegularly } from './tenure.ts';

export async function createLane(context: LaneContext, events: LaneEvents): Promise<Lane> {
  const id = newLaneId(context.random);
  const folder = join(lanesPath(context.config.path), id);
  // With nothing in it until there is a lease: whoever finds it empty, after a long time, may remove it.
  const { clock, config, laneNames } = context;
  const { mark } = laneNames;
  const lease = await unlessStalled(clock, config.leaseTermSeconds * 1000, context.disk, async (disk) => {
    await disk.makeDirectory(folder);
    const made = await Lease.create({ ...context, disk }, folder);
    await laneNames.sync(mark);
    return made;
  });
  return openLane(context, events, { id, folder, lease });
}

/** Claims a lane whose lease was seen as `source`; undefined where somebody else was first. */
export async function claimLane(
  context: LaneContext,
  events: LaneEvents,
  id: string,
  source: LeaseName,
): Promise<Lane | undefined> {
  const folder = join(lanesPath(context.config.path), id);
  const { disk, clock, config, laneNames } = context;
  const lease = await unlessStalled(clock, config.leaseTermSeconds * 1000, disk, async () => {
    const claimed = await Lease.claim(context, folder, source);
    // Whoever made the lane may have died before its sync.
    if (claimed) await laneNames.sync(laneNames.mark);
    return claimed;
  });
  if (!lease) return undefined;
  return openLane(context, events, { id, folder, lease });
}

interface ToOpen {
  readonly id: string;
  readonly folder: string;
  readonly lease: Lease;
}

export interface LaneParts extends ToOpen {
  readonly segments: Segments;
  readonly recovered: Recovered;
  readonly epoch: number;
}

async function openLane(context: LaneContext, events: LaneEvents, toOpen: ToOpen): Promise<Lane> {
  const { id, lease } = toOpen;
  const { disk, clock, config } = context;
  // Recovery may take longer than a term.
  const stop = renewRegularly(context, lease, { writingSince: undefined, lose: () => undefined });
  try {
    return await unlessStalled(clock, config.leaseTermSeconds * 1000, disk, (noted) =>
      recoverAndBegin(context, events, toOpen, noted),
    );
  } catch (error) {
    if (error instanceof PostriderError && error.code === 'QueueVersionUnsupported') {
      await letGo(disk, config.path, id, lease);
    }
    lease.abandon();
    context.handles.close(id);
    throw error;
  } finally {
    stop();
  }
}

/**
 * The lane may be given up at any step, while the disk doesn't answer: then nothing is left of what was begun.
 *
 * @param noted the disk, for what is done before the lane is one, and for its segments
 */
async function recoverAndBegin(
  context: LaneContext,
  events: LaneEvents,
  { id, folder, lease }: ToOpen,
  noted: Disk,
): Promise<Lane> {
  const { disk, clock, random, config, log, host } = context;
  const { segmentBytes } = config;
  const { epoch } = lease;
  await removeFormerReserves(noted, folder, epoch);
  await sayOwner(noted, host, folder, lease);
  await noted.makeDirectory(join(folder, BODIES));
  const snapshots = new Snapshots({
    disk,
    clock,
    folder,
    epoch,
    segmentBytes,
    log: (fields, message) => log.warn({ lane: id, ...fields }, message),
  });
  const recovered = await recoverLane(noted, folder, lease.written, {
    ...{ epoch, clock, snapshots },
    confirm: () => lease.renew(),
  });
  const { first, ends, index, damage } = recovered;
  // What the first group takes is progress, too.
  const segments = new Segments(
    noted,
    random,
    { lane: id, folder, epoch, first, ends },
    { capacity: segmentBytes, snapshots },
  );
  try {
    if (!lease.lost) {
      await segments.begin(recovered.next);
      await lease.nameSegment(segments.current);
    }
    if (lease.lost) throw lostWhileOpening();
  } catch (error) {
    await recovered.next.close().catch(() => undefined);
    throw error;
  }
  const lane = new Lane(context, events, { id, folder, lease, segments, recovered, epoch });
  try {
    await lane.start();
    const damaged = damage.length > 0;
    await sweepLane(noted, folder, { first, index, epoch, nonce: lease.nonce, damaged });
    // The lane may have been lost on the way.
    await lease.renew();
    return lane;
  } catch (error) {
    lane.giveUp(error);
    throw error;
  }
}

const lostWhileOpening = (): PostriderError =>
  new PostriderError('LaneLost', 'the lane was lost while it was being opened');

async function sayOwner(disk: Disk, host: Host, folder: string, lease: Lease): Promise<void> {
  const owner = await disk.create(join(folder, ownerName(lease.nonce)));
  try {
    await owner.write([Buffer.from(JSON.stringify(host.self()))], 0);
    await owner.sync();
  } finally {
    await owner.close();
  }
}
