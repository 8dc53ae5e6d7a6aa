/**
 * The markers of lanes that were let go. They are hints: a claim goes through the lease, and who misses a marker waits
 * for a term. So nothing here fails: what can't be written, read or removed costs that term.
 */
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { parseReleaseName, releaseName, releasesPath } from './layout.ts';
import type { Lease } from './lease.ts';
import type { LaneRelease, WorkerId } from './types.ts';

/** Gives up a lease that is ours and says so; undefined where it had been lost. */
export async function letGo(
  disk: Disk,
  root: string,
  lane: string,
  lease: Lease,
  to?: WorkerId,
): Promise<LaneRelease | undefined> {
  await lease.settled();
  if (lease.lost) return undefined;
  lease.abandon();
  const release = { lane, lease: lease.name, ...(to === undefined ? {} : { to }) };
  try {
    const marker = await disk.create(join(releasesPath(root), releaseName(release)));
    await marker.close();
    await disk.syncDirectory(releasesPath(root));
  } catch {
    // Told by the notice, or found after a term.
  }
  return release;
}

/** Rejects with the disk's error: then nothing is known. */
export async function listReleases(disk: Disk, root: string): Promise<LaneRelease[]> {
  const names = await disk.list(releasesPath(root));
  return names.flatMap((name) => parseReleaseName(name) ?? []);
}

/** Its lease has moved on. */
export async function forgetRelease(disk: Disk, root: string, release: LaneRelease): Promise<void> {
  await disk.unlink(join(releasesPath(root), releaseName(release))).catch(() => undefined);
}
