/**
 * Removes what a lane's folder still holds of former owners. Only what can't count any more: an old listing is safe, and
 * so is a sweeper that was paused and has lost the lane meanwhile.
 */
import { join } from 'node:path';
import { type Disk, errorCode, unlinkIfThere } from './disk.ts';
import {
  BODIES,
  DAMAGED,
  damagedName,
  epochOfBody,
  lanesPath,
  ownerName,
  parseSegmentName,
  parseSnapshotName,
  RETIRED,
  retiredName,
} from './layout.ts';
import type { MessageIndex } from './message-index.ts';

export interface Kept {
  /** Oldest segment that counts. */
  readonly first: number;
  readonly index: MessageIndex;
  /** Of our lease; what later owners write bears a higher one. */
  readonly epoch: number;
  readonly nonce: string;
  /** Whether records are missing from the index. */
  readonly damaged: boolean;
}

/** Called by a new owner before its first draft: then every body of former owners without a message is an orphan. */
export async function sweepLane(disk: Disk, folder: string, kept: Kept): Promise<void> {
  for (const name of await disk.list(folder)) {
    const segment = parseSegmentName(name) ?? parseSnapshotName(name);
    const isOld =
      (segment !== undefined && segment < kept.first) ||
      (name.startsWith('snapshot.') && name.endsWith('.new')) ||
      (name.startsWith('owner.') && name !== ownerName(kept.nonce));
    if (isOld) await unlinkIfThere(disk, join(folder, name));
  }
  // What they belong to may be what is damaged.
  if (kept.damaged) return;
  const bodies = new Set(kept.index.bodies());
  const folderOfBodies = join(folder, BODIES);
  for (const name of await disk.list(folderOfBodies)) {
    const writtenBy = epochOfBody(name) ?? kept.epoch;
    if (writtenBy < kept.epoch && !bodies.has(name)) await unlinkIfThere(disk, join(folderOfBodies, name));
  }
}

/**
 * Removes a lane whose lease is retired; others may be doing the same. Its folder is renamed first, so that one look at
 * all lanes shows what is left to delete. Where something damaged was kept aside, it stays under a name that is no lane's.
 */
export async function removeLane(disk: Disk, root: string, lane: string): Promise<void> {
  const folder = join(lanesPath(root), lane);
  const gone = join(lanesPath(root), retiredName(lane));
  try {
    const damaged = (await disk.list(folder)).includes(DAMAGED);
    await disk.rename(folder, damaged ? join(lanesPath(root), damagedName(lane)) : gone);
    if (damaged) return;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  await deleteFolder(disk, gone);
}

/**
 * Finishes what removers began who have died. One that can't be removed keeps no other from it; rejects with its error then.
 *
 * @param left lanes that are retired, and folders that were renamed
 */
export async function finishRemovals(
  disk: Disk,
  root: string,
  { ended, retired }: { readonly ended: readonly string[]; readonly retired: readonly string[] },
): Promise<void> {
  const removals = await Promise.allSettled([
    ...ended.map((lane) => finishRemoval(disk, root, lane)),
    ...retired.map((name) => deleteFolder(disk, join(lanesPath(root), name))),
  ]);
  for (const removal of removals) if (removal.status === 'rejected') throw removal.reason;
}

/**
 * As `removeLane`, of a lane that another owner has retired, and that we only see to be so: a crash of the file server may
 * yet take that back, and then somebody may claim it. What is synced stays.
 */
async function finishRemoval(disk: Disk, root: string, lane: string): Promise<void> {
  const folder = join(lanesPath(root), lane);
  try {
    await disk.syncDirectory(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (await disk.exists(join(folder, RETIRED))) await removeLane(disk, root, lane);
}

/**
 * Deletes a retired lane's folder; others may be doing the same. What says that it is retired goes last: a crash may bring
 * back the folder's former name.
 */
async function deleteFolder(disk: Disk, folder: string): Promise<void> {
  let names: string[];
  try {
    names = await disk.list(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  for (const name of names.sort((a, b) => Number(a === RETIRED) - Number(b === RETIRED))) {
    const path = join(folder, name);
    try {
      await unlinkIfThere(disk, path);
    } catch (error) {
      if (!['EISDIR', 'EPERM'].includes(errorCode(error))) throw error;
      await deleteFolder(disk, path);
    }
  }
  await disk.removeDirectory(folder).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
  });
}
