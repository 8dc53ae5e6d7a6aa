/**
 * Tells when the manifests of a folder have changed and then been left alone for a moment. Looks at names, inodes,
 * sizes and times instead of asking the system to notify: that sees saves by rename, works on every file system, and
 * a folder of manifests is small.
 */
import type { Clock } from '../../mta/clock.ts';
import { listFiles } from '../manifests/folder.ts';

const EVERY_MS = 250;

/** Calls back after each change; a folder that is gone counts as one. The result ends it. */
export function watchManifests(folder: string, clock: Clock, onChange: () => void): () => void {
  let told = stampOf(folder);
  let seen = told;
  let cancel = clock.after(EVERY_MS, look);
  return () => cancel();

  function look(): void {
    cancel = clock.after(EVERY_MS, look);
    const now = stampOf(folder);
    const settled = now === seen;
    seen = now;
    if (settled && now !== told) {
      told = now;
      onChange();
    }
  }
}

function stampOf(folder: string): string {
  try {
    return JSON.stringify(listFiles(folder));
  } catch (error) {
    return String(error);
  }
}
