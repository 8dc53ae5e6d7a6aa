import { expect, it } from 'vitest';
import { settleDown } from '../testing/test-clock.ts';
import { parseLeaseName } from './layout.ts';
import { accept, DELIVERED, openPatiently, openTestQueue } from './testing/test-queue.ts';

it('drops no segment that a crash could make the lease name again', async () => {
  const { queue, disk } = await openTestQueue({ othersGone: false });
  const [lane] = await disk.list('/queue/lanes');
  const folder = `/queue/lanes/${lane}`;
  const leaseNow = () => disk.namesOf(folder).find((name) => parseLeaseName(name) !== undefined)!;
  let onStableStorage = leaseNow();
  /** At each unlink of a segment: the name that a crash at that moment sets the lease back to, and what is gone then. */
  const drops: { readonly lease: string; readonly gone: string }[] = [];
  disk.inject = ({ operation, path }) => {
    if (operation === 'syncDirectory' && path === folder) onStableStorage = leaseNow();
    if (operation === 'unlink' && path.startsWith(`${folder}/segment.`))
      drops.push({ lease: onStableStorage, gone: path });
    return undefined;
  };

  const kept: string[] = [];
  for (let i = 0; i < 12; i += 1) {
    kept.push(await accept(queue, `kept${i}`, Buffer.alloc(300)));
    const ended = await accept(queue, `ended${i}`, Buffer.alloc(1500));
    await queue.settle(ended, DELIVERED);
    await settleDown();
  }

  expect(drops.length).toBeGreaterThan(2);
  const numberOf = (path: string): number => Number(path.split('.').at(-1));
  for (const { lease, gone } of drops)
    expect(parseLeaseName(lease)!.segment, lease).toBeGreaterThan(numberOf(gone));
  const again = disk.reopen();
  await again.rename(`${folder}/${leaseNow()}`, `${folder}/${drops.at(-1)!.lease}`);
  const { queue: recovered } = await openPatiently({ disk: again, seed: 2 });
  expect(kept.filter((id) => recovered.entry(id) === undefined)).toEqual([]);
});
