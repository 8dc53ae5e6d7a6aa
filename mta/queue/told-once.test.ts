/**
 * A crash of the file server takes names that were not yet synced. It is told once: one sync of the folder fails, whoever
 * asked for it, and the next one succeeds.
 */
import { describe, expect, it } from 'vitest';
import { settleDown } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { diskError, type MemoryDisk } from './testing/memory-disk.ts';
import { accept, deferredUntil, type LogLine, openPatiently, openTestQueue } from './testing/test-queue.ts';

const ignored = (): undefined => undefined;

async function folderOf(disk: MemoryDisk): Promise<string> {
  const [lane] = await disk.list('/queue/lanes');
  return `/queue/lanes/${lane}`;
}

const named = async (disk: MemoryDisk, folder: string, prefix: string): Promise<string> =>
  (await disk.list(folder))
    .filter((name) => name.startsWith(prefix))
    .sort()
    .at(-1)!;

/** A lane on a full volume that has given its reserve the name of a segment, and is about to sync that. */
async function takingReserve() {
  const lines: LogLine[] = [];
  const { queue, disk, clock } = await openTestQueue({ othersGone: false, lines });
  const id = await accept(queue, 'kept');
  const folder = await folderOf(disk);
  const reserve = await named(disk, folder, 'reserve.');
  disk.capacity = disk.used;
  const sync = holdNext(disk, 'syncDirectory', (path) => path === folder);
  void queue.settle(id, deferredUntil(7, 1)).catch(ignored);
  await clock.advance(2000);
  await sync.reached;
  const segment = await named(disk, folder, 'segment.');
  return { disk, clock, folder, reserve, segment, lines, goOn: sync.go };
}

/** Names of the lease as the folder is synced, from now on: a crash sets it back to none before the last of them. */
function namesOfLeases(
  disk: MemoryDisk,
  folder: string,
  inject: NonNullable<MemoryDisk['inject']> = ignored,
): string[] {
  const names: string[] = [];
  disk.inject = (step) => {
    if (step.operation === 'syncDirectory' && step.path === folder) {
      names.push(...disk.namesOf(folder).filter((name) => name.startsWith('lease.')));
    }
    return inject(step);
  };
  return names;
}

describe('a lost name of which somebody else was told', () => {
  it('of a reserve that had become a segment: it is no segment', async () => {
    const { disk, clock, folder, reserve, segment, goOn, lines } = await takingReserve();
    await disk.rename(`${folder}/${segment}`, `${folder}/${reserve}`);
    goOn();
    await clock.advance(100);
    expect(lines.map(({ message }) => message)).toContain('lane lost');
  });

  it('of a reserve that has its own name again: it is not written to twice', async () => {
    const { disk, clock, folder, reserve, segment, goOn, lines } = await takingReserve();
    await disk.link(`${folder}/${segment}`, `${folder}/${reserve}`);
    goOn();
    await clock.advance(100);
    expect(lines.map(({ message }) => message)).toContain('lane lost');
  });

  it('of a large message: it is refused', async () => {
    const { queue, disk } = await openTestQueue();
    const bodies = `${await folderOf(disk)}/body`;
    const sync = holdNext(disk, 'syncDirectory', (path) => path === bodies);
    const answer = accept(queue, 'large', Buffer.alloc(5000)).then(
      () => 'answered',
      () => 'refused',
    );
    await sync.reached;
    await disk.unlink(`${bodies}/${await named(disk, bodies, '')}`);
    sync.go();
    expect(await answer).toBe('refused');
  });

  it('of a segment in which nothing was answered: a walk that a second crash sets back goes to its end', async () => {
    const { queue, disk } = await openTestQueue({ othersGone: false });
    await accept(queue, 'old', Buffer.alloc(1500));
    const folder = await folderOf(disk);
    const rolling = holdNext(disk, 'syncDirectory', (path) => path === folder);
    for (let i = 0; i < 6; i += 1) void accept(queue, `m${i}`, Buffer.alloc(1500)).catch(ignored);
    await rolling.reached;
    const gone = `${folder}/${await named(disk, folder, 'segment.')}`;
    await disk.unlink(gone);
    const synced = namesOfLeases(disk, folder, (step) =>
      step.operation === 'write' && step.path === gone ? diskError('ESTALE', step) : undefined,
    );
    rolling.go();
    await settleDown();
    const answered = await accept(queue, 'answered', Buffer.alloc(500));
    const again = disk.reopen();
    await again.rename(`${folder}/${await named(again, folder, 'lease.')}`, `${folder}/${synced.at(-1)}`);
    const last = await openPatiently({ disk: again, seed: 3 });
    expect(last.queue.entry(answered)).toBeDefined();
  });

  it('of a segment before that of the next owner: a walk that a second crash sets back goes to its end', async () => {
    const first = await openTestQueue({ othersGone: false });
    await accept(first.queue, 'old', Buffer.alloc(1500));
    const folder = await folderOf(first.disk);
    const rolling = holdNext(first.disk, 'syncDirectory', (path) => path === folder);
    for (let i = 0; i < 6; i += 1) void accept(first.queue, `m${i}`, Buffer.alloc(1500)).catch(ignored);
    await rolling.reached;
    const disk = first.disk.reopen();
    const claim = holdNext(disk, 'syncDirectory', (path) => path === folder);
    const opening = openTestQueue({ disk, seed: 2 });
    await claim.reached;
    const begin = holdNext(disk, 'syncDirectory', (path) => path === folder);
    claim.go();
    await begin.reached;
    await disk.unlink(`${folder}/segment.0000000002`);
    const synced = namesOfLeases(disk, folder);
    begin.go();
    const heir = await opening;
    const answered = await accept(heir.queue, 'answered', Buffer.alloc(500));
    const again = disk.reopen();
    await again.rename(`${folder}/${await named(again, folder, 'lease.')}`, `${folder}/${synced.at(-1)}`);
    const last = await openPatiently({ disk: again, seed: 3 });
    expect(last.queue.entry(answered)).toBeDefined();
  });
});
