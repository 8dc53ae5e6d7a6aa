/** Who has a lane, as its folder shows it to anybody. */
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { type Owner, parseOwner } from './host.ts';
import { type LeaseName, ownerName, parseLeaseName } from './layout.ts';

/** Larger than what any version writes of an owner. */
const LARGEST_OWNER = 4096;

/** A listing that was made during a rename may show both names, or neither. */
export function newestLease(names: readonly string[]): LeaseName | undefined {
  return names.flatMap((name) => parseLeaseName(name) ?? []).sort((a, b) => b.number - a.number)[0];
}

/** Undefined where that is not (yet) written, or can't be read. @param folder of the lane */
export async function ownerOf(disk: Disk, folder: string, lease: LeaseName): Promise<Owner | undefined> {
  try {
    const file = await disk.open(join(folder, ownerName(lease.nonce)));
    try {
      const bytes = Buffer.alloc(LARGEST_OWNER);
      return parseOwner(bytes.toString('utf8', 0, await file.read(bytes, 0)));
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
