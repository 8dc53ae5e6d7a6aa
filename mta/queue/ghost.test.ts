/** What a process does that was paused, and lost its lane meanwhile: nothing that harms the next owner. */
import { describe, expect, it } from 'vitest';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { decodeSegmentHeader, HEADER_WINDOW } from './format/segment.ts';
import { parseLeaseName } from './layout.ts';
import { holdNext } from './testing/held-step.ts';
import { diskError, MemoryDisk } from './testing/memory-disk.ts';
import { accept, contentOf, type LogLine, openPatiently, openTestQueue } from './testing/test-queue.ts';

const LARGE = Buffer.alloc(5000, 'large ');

async function laneOf(disk: MemoryDisk): Promise<string> {
  const [lane] = await disk.list('/queue/lanes');
  return `/queue/lanes/${lane}`;
}

describe('an owner that is paused while it sweeps its lane', () => {
  it('collects no body of the next owner', async () => {
    const first = await openTestQueue();
    await accept(first.queue, 'first', LARGE);
    const disk = first.disk.reopen();
    const sweep = holdNext(disk, 'list', (path) => path.endsWith('/body'));
    const ghost = openTestQueue({ disk, seed: 2 });
    await sweep.reached;
    const next = await openTestQueue({ disk, seed: 3 });
    const id = await accept(next.queue, 'second', LARGE);
    sweep.go();
    await ghost;
    await settleDown();
    expect((await contentOf(next.queue, id))?.equals(LARGE)).toBe(true);
  });

  it('takes mail in a lane of its own afterwards', async () => {
    const first = await openTestQueue();
    const old = await accept(first.queue, 'first');
    const disk = first.disk.reopen();
    const sweep = holdNext(disk, 'list', (path) => path.endsWith('/body'));
    const clock = new TestClock();
    const opening = openTestQueue({ disk, clock, seed: 2 });
    await sweep.reached;
    await openTestQueue({ disk, seed: 3 });
    await clock.advance(5000);
    sweep.go();
    const ghost = await opening;
    expect(ghost.queue.entry(old)).toBeUndefined();
    await accept(ghost.queue, 'second');
  });
});

describe('a claim that a crash of the server undoes', () => {
  it('seals nothing: the former owner goes on', async () => {
    const disk = new MemoryDisk();
    const first = await openTestQueue({ disk, othersGone: false });
    await accept(first.queue, 'first');
    const folder = await laneOf(disk);
    const leaseIn = async () => (await disk.list(folder)).find((name) => name.startsWith('lease.'))!;
    const before = await leaseIn();
    const sync = holdNext(disk, 'syncDirectory', (path) => path === folder);
    const claimant = openTestQueue({ disk, seed: 2 });
    await sync.reached;
    await disk.rename(`${folder}/${await leaseIn()}`, `${folder}/${before}`);
    sync.go();
    await claimant;
    const id = await accept(first.queue, 'second');
    const survivor = await openTestQueue({ disk, seed: 3 });
    await survivor.clock.advance(1000);
    expect(survivor.queue.entry(id)).toBeDefined();
  });

  it('is not outnumbered by renewals that were not synced: its epoch is that of the claim', async () => {
    const first = await openTestQueue();
    await accept(first.queue, 'first');
    const disk = first.disk.reopen();
    const folder = await laneOf(disk);
    const clock = new TestClock();
    const slow = holdNext(disk, 'create', (path) => path.includes('/owner.'));
    const opening = openTestQueue({ disk, clock, seed: 2 });
    const claimed = async () =>
      Number((await disk.list(folder)).find((name) => name.startsWith('lease.'))!.split('.')[1]);
    await slow.reached;
    const renewed = await claimed();
    for (let i = 0; i < 5; i += 1) await clock.advance(3000);
    expect(await claimed()).toBeGreaterThan(renewed);
    slow.go();
    await opening;
    const newest = (await disk.list(folder))
      .filter((name) => name.startsWith('segment.'))
      .sort()
      .at(-1)!;
    const head = decodeSegmentHeader(disk.bytesOf(`${folder}/${newest}`).subarray(0, HEADER_WINDOW));
    expect(head?.epoch).toBeLessThanOrEqual(renewed);
  });
});

describe('a renewal that a crash of the server undoes', () => {
  it('is not built on: nothing counts in a segment that no lease names, and none before it goes', async () => {
    const { queue, disk } = await openTestQueue({ othersGone: false });
    const ids = [await accept(queue, 'first', Buffer.alloc(1500))];
    const folder = await laneOf(disk);
    const leaseIn = async () => (await disk.list(folder)).find((name) => name.startsWith('lease.'))!;
    const before = await leaseIn();
    const begun = holdNext(disk, 'syncDirectory', (path) => path === folder);
    const answers = Array.from({ length: 4 }, (_, i) => accept(queue, `m${i}`, Buffer.alloc(1500)));
    const outcomes = Promise.allSettled(answers);
    await begun.reached;
    const named = holdNext(disk, 'syncDirectory', (path) => path === folder);
    begun.go();
    await named.reached;
    expect(parseLeaseName(await leaseIn())!.segment).toBe(2);
    await disk.rename(`${folder}/${await leaseIn()}`, `${folder}/${before}`);
    named.go();
    for (const { status, value } of (await outcomes) as PromiseFulfilledResult<string>[])
      if (status === 'fulfilled') ids.push(value);
    const heir = await openPatiently({ disk: disk.reopen(), seed: 2 });
    expect(ids.filter((id) => heir.queue.entry(id) === undefined)).toEqual([]);
    expect(ids.length).toBeLessThan(5);
  });
});

describe('a segment that a hole keeps apart', () => {
  it('brings nothing back that was refused', async () => {
    const first = await openTestQueue({ othersGone: false });
    const { disk } = first;
    const kept = await accept(first.queue, 'kept', Buffer.alloc(1900));
    const folder = await laneOf(disk);
    const leaseIn = async () => (await disk.list(folder)).find((name) => name.startsWith('lease.'))!;
    const former = await leaseIn();
    // The second segment is stale as soon as it is begun; in the third one, the owner finds that the lane is lost.
    let writes = 0;
    disk.inject = ({ operation, path }) => {
      const step = { operation, path };
      if (operation === 'write' && path.endsWith('/segment.0000000002')) {
        writes += 1;
        return writes === 2 ? diskError('ESTALE', step) : undefined;
      }
      return operation === 'rename' && path.includes('/lease.') && writes > 1
        ? diskError('EIO', step)
        : undefined;
    };
    for (let i = 0; i < 8; i += 1)
      await accept(first.queue, `m${i}`, Buffer.alloc(1900)).catch(() => undefined);
    disk.inject = () => undefined;
    await disk.unlink(`${folder}/segment.0000000002`);
    await disk.rename(`${folder}/${await leaseIn()}`, `${folder}/${former}`);
    expect(await disk.exists(`${folder}/segment.0000000003`)).toBe(true);
    const heir = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    const mine = await accept(heir.queue, 'mine');
    const before = new Set([...heir.queue.entries()].map(({ id }) => id));
    const last = await openTestQueue({ disk: heir.disk.reopen(), seed: 3 });
    const after = [...last.queue.entries()].map(({ id }) => id);
    expect(before.has(kept)).toBe(true);
    expect(new Set(after)).toEqual(before);
    expect(after).toContain(mine);
  });
});

describe('an owner that reads, and has not noticed that its lane is gone', () => {
  it('finds nothing, and lets it go', async () => {
    const { disk, queue } = await openTestQueue({ othersGone: false });
    const id = await accept(queue, 'read');
    const folder = await laneOf(disk);
    const lines: LogLine[] = [];
    const owner = await openTestQueue({ disk: disk.reopen(), seed: 2, lines });
    await owner.disk.rename(
      `${folder}/${owner.disk.namesOf(folder).find((name) => name.startsWith('lease.'))}`,
      `${folder}/lease.9.someone.2.0`,
    );
    for (const name of owner.disk.namesOf(folder))
      if (name.startsWith('segment.')) await owner.disk.unlink(`${folder}/${name}`);
    expect(await owner.queue.read(id)).toBeUndefined();
    expect(lines.map(({ message }) => message)).toContain('lane lost');
  });
});
