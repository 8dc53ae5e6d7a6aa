/** What a node sees late over a network: names that it believes not to exist, which another node has made. */
import { describe, expect, it } from 'vitest';
import { diskError, type MemoryDisk } from './testing/memory-disk.ts';
import { accept, openPatiently, openTestQueue, type TestQueue } from './testing/test-queue.ts';
import type { QueueId } from './types.ts';

async function several(): Promise<{ disk: MemoryDisk; ids: QueueId[]; segments: string[] }> {
  const first = await openTestQueue();
  const ids: QueueId[] = [];
  for (let i = 0; i < 20; i += 1)
    ids.push(await accept(first.queue, `message ${i}`, Buffer.alloc(1500, 'x')));
  const disk = first.disk.reopen();
  const [lane] = await disk.list('/queue/lanes');
  const names = await disk.list(`/queue/lanes/${lane}`);
  const segments = names.filter((name) => name.startsWith('segment.')).sort();
  expect(segments.length).toBeGreaterThan(3);
  return { disk, ids, segments };
}

/** Opens of this file say ENOENT until it was tried to create it, as a network file system's cache may have it. */
function hide(disk: MemoryDisk, segment: string): void {
  let hidden = true;
  disk.inject = (step) => {
    if (!step.path.endsWith(segment)) return undefined;
    if (step.operation === 'create') hidden = false;
    return hidden && step.operation === 'open' ? diskError('ENOENT', step) : undefined;
  };
}

const served = ({ queue }: TestQueue, ids: readonly QueueId[]): number =>
  ids.filter((id) => queue.entry(id) !== undefined).length;

describe('a segment that is there, but not seen by the next owner at first,', () => {
  it('is read all the same where the lease names it', async () => {
    const { disk, ids, segments } = await several();
    hide(disk, segments.at(-1)!);
    const next = await openTestQueue({ disk, seed: 2 });
    expect(served(next, ids)).toBe(ids.length);
    expect(next.queue.counts().damaged).toBe(0);
  });

  it('keeps the lane from being adopted where it is an older one, and is never dropped', async () => {
    const { disk, ids, segments } = await several();
    hide(disk, segments[1]!);
    const blind = await openTestQueue({ disk, seed: 2 });
    expect(served(blind, ids)).toBe(0);
    const next = await openTestQueue({ disk: disk.reopen(), seed: 3 });
    await next.clock.advance(20_000);
    expect(served(next, ids)).toBe(ids.length);
    expect(next.queue.counts().damaged).toBe(0);
  });
});

/**
 * Opens of this file show the length that it had, until it has been opened so often: GlusterFS and others answer from
 * caches that are a second old.
 */
function shorten(disk: MemoryDisk, segment: string, length: number, opens: number): void {
  const open = disk.open.bind(disk);
  let left = opens;
  disk.open = async (path) => {
    const file = await open(path);
    if (!path.endsWith(segment) || left === 0) return file;
    left -= 1;
    const read = file.read.bind(file);
    file.size = async () => length;
    file.read = (target, position) => read(target.subarray(0, Math.max(0, length - position)), position);
    return file;
  };
}

describe('a segment whose end is not seen by the next owner at first', () => {
  it.each(['the one that the lease names', 'an older one'])('loses nothing: %s', async (which) => {
    const { disk, ids, segments } = await several();
    const segment = which === 'an older one' ? segments[1]! : segments.at(-1)!;
    shorten(disk, segment, 1600, 5);
    const next = await openPatiently({ disk, seed: 2 });
    expect(served(next, ids)).toBe(ids.length);
    expect(next.queue.counts().damaged).toBe(0);
  });

  it('is damage when it has not come in some seconds', async () => {
    const { disk, ids, segments } = await several();
    shorten(disk, segments.at(-1)!, 1600, Number.POSITIVE_INFINITY);
    const next = await openPatiently({ disk, seed: 2 });
    expect(served(next, ids)).toBeLessThan(ids.length);
    expect(next.queue.counts().damaged).toBe(1);
  });
});

describe('a segment that is really gone', () => {
  it('costs what it held, which is counted', async () => {
    const { disk, ids, segments } = await several();
    const [lane] = await disk.list('/queue/lanes');
    await disk.unlink(`/queue/lanes/${lane}/${segments[1]}`);
    const next = await openTestQueue({ disk, seed: 2 });
    expect(served(next, ids)).toBeGreaterThan(0);
    expect(served(next, ids)).toBeLessThan(ids.length);
    expect(next.queue.counts().damaged).toBe(1);
  });
});
