import { expect, it } from 'vitest';
import { settleDown } from '../testing/test-clock.ts';
import { parseLeaseName } from './layout.ts';
import { holdNext } from './testing/held-step.ts';
import type { MemoryDisk } from './testing/memory-disk.ts';
import { accept, DELIVERED, openPatiently, openTestQueue } from './testing/test-queue.ts';

interface Drop {
  /** The name that a crash at that moment sets the lease back to. */
  readonly lease: string;
  /** The segment that is gone then. */
  readonly gone: number;
}

const leaseIn = (disk: MemoryDisk, folder: string): string =>
  disk.namesOf(folder).find((name) => parseLeaseName(name) !== undefined)!;

const folderOf = async (disk: MemoryDisk): Promise<string> =>
  `/queue/lanes/${(await disk.list('/queue/lanes'))[0]}`;

/** Segments of a lane as they are unlinked from now on. */
function dropsIn(disk: MemoryDisk, folder: string): readonly Drop[] {
  const drops: Drop[] = [];
  let onStableStorage = leaseIn(disk, folder);
  disk.inject = ({ operation, path }) => {
    if (operation === 'syncDirectory' && path === folder) onStableStorage = leaseIn(disk, folder);
    if (operation === 'unlink' && path.startsWith(`${folder}/segment.`))
      drops.push({ lease: onStableStorage, gone: Number(path.split('.').at(-1)) });
    return undefined;
  };
  return drops;
}

/** What the next owner has of these messages, where a crash has set the lease back to a former name. */
async function foundAfter(
  disk: MemoryDisk,
  folder: string,
  former: string,
  ids: readonly string[],
): Promise<string[]> {
  const again = disk.reopen();
  await again.rename(`${folder}/${leaseIn(again, folder)}`, `${folder}/${former}`);
  const { queue } = await openPatiently({ disk: again, seed: 3 });
  return ids.filter((id) => queue.entry(id) !== undefined);
}

it('drops no segment that a crash could make the lease name again', async () => {
  const { queue, disk } = await openTestQueue({ othersGone: false });
  const folder = await folderOf(disk);
  const drops = dropsIn(disk, folder);

  const kept: string[] = [];
  for (let i = 0; i < 12; i += 1) {
    kept.push(await accept(queue, `kept${i}`, Buffer.alloc(300)));
    const ended = await accept(queue, `ended${i}`, Buffer.alloc(1500));
    await queue.settle(ended, DELIVERED);
    await settleDown();
  }

  expect(drops.length).toBeGreaterThan(2);
  for (const { lease, gone } of drops) expect(parseLeaseName(lease)!.segment, lease).toBeGreaterThan(gone);
  expect(await foundAfter(disk, folder, drops.at(-1)!.lease, kept)).toEqual(kept);
});

it('drops none in a lane that is being adopted, either', async () => {
  const first = await openTestQueue({ othersGone: false, config: { segmentBytes: 1 << 20 } });
  const folder = await folderOf(first.disk);
  const kept = await accept(first.queue, 'kept', Buffer.alloc(300));
  for (let i = 0; i < 12; i += 1)
    await first.queue.settle(await accept(first.queue, `ended${i}`, Buffer.alloc(1900)), DELIVERED);
  const disk = first.disk.reopen();
  // A claimant has died before it began its segment: where both are gone, a walk from the first ends at the second.
  await (await disk.create(`${folder}/segment.0000000002`)).close();

  const drops = dropsIn(disk, folder);
  const sweep = holdNext(disk, 'list', (path) => path.endsWith('/body'));
  void openTestQueue({ disk, seed: 2 });
  await sweep.reached;
  await settleDown();

  expect(drops.map(({ gone }) => gone)).toEqual([1, 2]);
  for (const { lease, gone } of drops) expect(parseLeaseName(lease)!.segment, lease).toBeGreaterThan(gone);
  expect(await foundAfter(disk, folder, drops.at(-1)!.lease, [kept])).toEqual([kept]);
});
