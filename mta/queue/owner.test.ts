import { describe, expect, it } from 'vitest';
import { newestLease, ownerOf } from './owner.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { openTestQueue } from './testing/test-queue.ts';

describe('who has a lane', () => {
  it('is said by the newest of the leases that a listing shows, and by the file with its nonce', async () => {
    const { disk, queue } = await openTestQueue();
    const folder = `/queue/lanes/${queue.home()}`;
    const lease = newestLease(['lease.1.aaaa.1.0', ...(await disk.list(folder)), 'lease.x'])!;
    expect(lease.number).toBeGreaterThan(1);
    expect(await ownerOf(disk, folder, lease)).toMatchObject({ pid: expect.any(Number) });
  });

  it('is not known where there is no lease, or no file of its owner', async () => {
    expect(newestLease(['VERSION', 'segment.0000000001'])).toBeUndefined();
    const lease = { number: 1, nonce: 'aaaa', segment: 1, end: 0 };
    expect(await ownerOf(new MemoryDisk(), '/queue/lanes/none', lease)).toBeUndefined();
  });
});
