/**
 * Looks at a queue's folder from outside, as somebody who owns none of it: names, and who has each lease. Nothing is
 * changed. Rejects with `QueueUnreachable` where there is no queue, `QueueVersionUnsupported`, or the disk's error where
 * the folder itself can't be read; a single lane that can't be is a sight like any other.
 *
 * Listings may be old over a network. What this machine did itself they show, and only that is asked of them in a shared
 * folder.
 */
import { join } from 'node:path';
import { type Disk, errorCode, messageOf } from '../disk.ts';
import type { Owner } from '../host.ts';
import {
  BODIES,
  DAMAGED,
  isLaneId,
  lanesPath,
  leaseName,
  parseSegmentName,
  RETIRED,
  releasesPath,
} from '../layout.ts';
import { newestLease, ownerOf } from '../owner.ts';
import { queueIdOf } from '../version.ts';

/** What the folder of one lane shows. */
export interface LaneSight {
  readonly lane: string;
  /** Name of its lease. */
  readonly lease: string | undefined;
  /** Who has it; undefined where that is not (yet) written, or can't be read. */
  readonly owner: Owner | undefined;
  /** It is being removed, and nobody can own it any more. */
  readonly retired: boolean;
  readonly segments: number;
  /** Counted only where there is no lease: then nobody else can say what is in it. */
  readonly bodies: number;
  readonly damaged: boolean;
  /** Files and folders of any name but that of the folder of bodies. */
  readonly names: number;
  /** Why it could not be read. */
  readonly unreadable?: string;
}

export interface QueueSight {
  /** What the queue is known by; undefined for one that was made before queues had an id. */
  readonly id: string | undefined;
  /** Names in the folder itself. */
  readonly root: readonly string[];
  readonly released: readonly string[];
  readonly lanes: readonly LaneSight[];
  /** Names among the lanes that are no lane's. */
  readonly others: readonly string[];
  /** What fsck(8) has put into a volume's `lost+found`, or why that can't be read; undefined where there is none. */
  readonly lostAndFound: { readonly names: number; readonly unreadable?: string } | undefined;
}

export const LOST_AND_FOUND = 'lost+found';
/** A listing that is made during a rename may show neither name. */
const LOOKS = 3;

/** One lane after the other: a disk that hangs takes one thread, not all. */
export async function lookAtQueue(disk: Disk, root: string): Promise<QueueSight> {
  const id = await queueIdOf(disk, root);
  const names = (await disk.list(root)).sort();
  const released = (await disk.list(releasesPath(root))).sort();
  const inLanes = (await disk.list(lanesPath(root))).sort();
  const lanes: LaneSight[] = [];
  for (const lane of inLanes.filter(isLaneId)) {
    const sight = await lookAtLane(disk, root, lane);
    if (sight) lanes.push(sight);
  }
  return {
    id,
    root: names,
    released,
    lanes,
    others: inLanes.filter((name) => !isLaneId(name)),
    lostAndFound: names.includes(LOST_AND_FOUND)
      ? await lookAtLost(disk, join(root, LOST_AND_FOUND))
      : undefined,
  };
}

/** Undefined where it is gone. */
async function lookAtLane(disk: Disk, root: string, lane: string): Promise<LaneSight | undefined> {
  const folder = join(lanesPath(root), lane);
  const nothing = { lane, lease: undefined, owner: undefined, retired: false, segments: 0, bodies: 0 };
  try {
    let names = await disk.list(folder);
    let lease = newestLease(names);
    for (let look = 1; look < LOOKS && !lease && !names.includes(RETIRED); look += 1) {
      names = await disk.list(folder);
      lease = newestLease(names);
    }
    const countsBodies = !lease && names.includes(BODIES);
    return {
      lane,
      lease: lease && leaseName(lease),
      owner: lease && (await ownerOf(disk, folder, lease)),
      retired: names.includes(RETIRED),
      segments: names.filter((name) => parseSegmentName(name) !== undefined).length,
      bodies: countsBodies ? (await disk.list(join(folder, BODIES))).length : 0,
      damaged: names.includes(DAMAGED),
      names: names.filter((name) => name !== BODIES).length,
    };
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && !(await disk.exists(folder))) return undefined;
    return { ...nothing, damaged: false, names: 0, unreadable: messageOf(error) };
  }
}

async function lookAtLost(disk: Disk, path: string): Promise<QueueSight['lostAndFound']> {
  try {
    return { names: (await disk.list(path)).length };
  } catch (error) {
    return { names: 0, unreadable: messageOf(error) };
  }
}
