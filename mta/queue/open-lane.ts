/**
 * Makes a lane, or claims one and recovers it. Fails with the disk's error, or `QueueVersionUnsupported`; then the lane
 * is nobody's: one of a newer version is let go at once, any other is left alone for a term. A disk that doesn't answer
 * for a term is such a failure: the lane is not kept from others.
 */
import { join } from 'node:path';
import { PostriderError } from '../errors.ts';
import type { LaneContext } from './context.ts';
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
  await context.disk.makeDirectory(folder);
  const lease = await Lease.create(context, folder);
  await context.disk.syncDirectory(lanesPath(context.config.path));
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
  const lease = await Lease.claim(context, folder, source);
  if (!lease) return undefined;
  // Whoever made the lane may have died before its sync.
  await context.disk.syncDirectory(lanesPath(context.config.path));
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

async function openLane(
  context: LaneContext,
  events: LaneEvents,
  { id, folder, lease }: ToOpen,
): Promise<Lane> {
  // Recovery may take longer than a term.
  const stop = renewRegularly(context, lease, () => undefined);
  let segments: Segments | undefined;
  try {
    const { disk, clock, random, config, log } = context;
    const { epoch } = lease;
    await removeFormerReserves(disk, folder, epoch);
    await sayOwner(context, folder, lease);
    await disk.makeDirectory(join(folder, BODIES));
    const { segmentBytes } = config;
    const snapshots = new Snapshots({
      disk,
      clock,
      folder,
      epoch,
      segmentBytes,
      log: (fields, message) => log.warn({ lane: id, ...fields }, message),
    });
    const termMs = config.leaseTermSeconds * 1000;
    const recovered = await unlessStalled(clock, termMs, disk, async (noted) => {
      const found = await recoverLane(noted, folder, lease.written, { clock, snapshots });
      if (!lease.lost) return found;
      await found.next.close();
      throw new PostriderError('LaneLost', 'the lane was lost while it was being read');
    });
    const { first, ends, index, damage } = recovered;
    segments = new Segments(
      disk,
      random,
      { lane: id, folder, epoch, first, ends },
      { capacity: segmentBytes, snapshots },
    );
    await segments.begin(recovered.next);
    const lane = new Lane(context, events, { id, folder, lease, segments, recovered, epoch });
    await lane.start();
    const damaged = damage.length > 0;
    await sweepLane(disk, folder, { first, index, epoch, nonce: lease.nonce, damaged });
    if (lane.over) throw new PostriderError('LaneLost', 'the lane was lost while it was being opened');
    return lane;
  } catch (error) {
    if (error instanceof PostriderError && error.code === 'QueueVersionUnsupported') {
      await letGo(context.disk, context.config.path, id, lease);
    }
    lease.abandon();
    context.handles.close(id);
    void segments?.close().catch(() => undefined);
    throw error;
  } finally {
    stop();
  }
}

async function sayOwner({ disk, host }: LaneContext, folder: string, lease: Lease): Promise<void> {
  const owner = await disk.create(join(folder, ownerName(lease.nonce)));
  await owner.write([Buffer.from(JSON.stringify(host.self()))], 0);
  await owner.sync();
  await owner.close();
}
