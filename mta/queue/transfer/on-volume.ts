/** Whether a lane is still on the volume, whoever owns it. */
import { join } from 'node:path';
import { PostriderError } from '../../errors.ts';
import type { Disk } from '../disk.ts';
import { isLaneId, lanesPath } from '../layout.ts';

/**
 * False only where it is certain that the lane was removed: then nothing of it will ever be served. Rejects where the
 * volume can't be read, and where what is there is no queue: a volume that isn't mounted has no lanes either.
 *
 * @param root the queue's folder
 */
export async function isOnVolume(disk: Disk, root: string, lane: string): Promise<boolean> {
  if (!isLaneId(lane)) return false;
  const isQueue = async () => disk.exists(join(root, 'VERSION'));
  const before = await isQueue();
  const listed = (await disk.list(lanesPath(root))).includes(lane);
  // A listing may be old, and so may a look: what either of them shows is there.
  if (listed || (await disk.exists(join(lanesPath(root), lane)))) return true;
  if (before && (await isQueue())) return false;
  throw new PostriderError('QueueUnreachable', `there is no queue in ${root}`, {
    hint: 'Its volume may not be mounted.',
  });
}
