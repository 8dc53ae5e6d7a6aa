/** The queue as its users see it, on a disk that shows in which order things reach it. */
import { describe, expect, it } from 'vitest';
import { settleDown } from '../testing/test-clock.ts';
import { nodeDisk } from './disk.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  contentOf,
  DELIVERED,
  deferredUntil,
  envelopeOf,
  jobFor,
  openTestQueue,
} from './testing/test-queue.ts';

const REPLY = { code: 550, enhanced: '5.1.1', text: 'no' };

describe('commit', () => {
  it('resolves after the sync of its record and a renewal after that', async () => {
    const { queue, disk } = await openTestQueue();
    const from = disk.steps.length;
    await accept(queue, 'message');
    const steps = disk.steps
      .slice(from)
      .map(({ operation, path }) => `${operation} ${path.split('/').pop()}`);
    expect(steps.slice(0, 2)).toEqual(['write segment.0000000001', 'sync segment.0000000001']);
    expect(steps[2]).toMatch(/^rename lease\./);
    expect(steps).toHaveLength(3);
  });

  it('shares one sync among those that come together', async () => {
    const { queue, disk } = await openTestQueue();
    const from = disk.steps.length;
    const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => accept(queue, `m${i}`)));
    expect(disk.steps.slice(from).filter(({ operation }) => operation === 'sync')).toHaveLength(1);
    expect(new Set(ids).size).toBe(20);
    expect(queue.counts().messages).toBe(20);
  });

  it('has a large body and its folder synced before its record is written', async () => {
    const { queue, disk } = await openTestQueue();
    const from = disk.steps.length;
    await accept(queue, 'large', Buffer.alloc(5000, 'x'));
    const steps = disk.steps
      .slice(from)
      .map(
        ({ operation, path }) =>
          `${operation} ${path.includes('body') ? 'body' : path.includes('segment') ? 'segment' : 'lease'}`,
      );
    expect(steps).toEqual([
      'create body',
      'write body',
      'sync body',
      'syncDirectory body',
      'write segment',
      'sync segment',
      'rename lease',
    ]);
  });

  it('tells of the arrival, with the sender', async () => {
    const { queue } = await openTestQueue();
    const seen: string[] = [];
    queue.onArrival(({ sender }) => seen.push(sender));
    await accept(queue, 'message');
    expect(seen).toEqual(['sender.test']);
  });
});

describe('read', () => {
  for (const size of [0, 1, 1999, 2000, 2001, 300_000]) {
    it(`gives ${size} bytes back as they were, also to the next owner`, async () => {
      const { queue, disk } = await openTestQueue();
      const content = Buffer.alloc(size, 'lines of text\r\n');
      const id = await accept(queue, 'message', content);
      expect((await contentOf(queue, id))?.equals(content)).toBe(true);
      const after = await openTestQueue({ disk: disk.reopen(), seed: 2 });
      const message = await after.queue.read(id);
      expect(message?.envelope).toEqual(envelopeOf('message'));
      expect(message?.content.size).toBe(size);
      expect((await contentOf(after.queue, id))?.equals(content)).toBe(true);
    });
  }

  it('knows nothing of a message that has ended, or of another queue', async () => {
    const { queue } = await openTestQueue();
    const id = await accept(queue, 'message');
    await queue.settle(id, DELIVERED);
    expect(await queue.read(id)).toBeUndefined();
    expect(await queue.read('aaaaaaaaaaaa-1')).toBeUndefined();
    expect(await queue.read('nonsense')).toBeUndefined();
  });
});

describe('settle', () => {
  it('keeps the recipients that go on, and what the next hop said', async () => {
    const { queue, disk } = await openTestQueue();
    const draft = queue.draft();
    await draft.write(Buffer.from('x'));
    await draft.commit(envelopeOf('m', 3), [jobFor([0, 1, 2])]);
    await queue.settle(draft.id, {
      ended: [{ recipient: 0, outcome: 'bounced', reply: REPLY }],
      deferred: [jobFor([2], { attempts: 1, dueAt: 5, lastReply: REPLY })],
    });
    const jobs = [jobFor([1]), jobFor([2], { attempts: 1, dueAt: 5, lastReply: REPLY })];
    expect(queue.entry(draft.id)?.jobs).toEqual(jobs);
    const after = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    expect(after.queue.entry(draft.id)?.jobs).toEqual(jobs);
  });

  it('queues a report with the end of its parent in one record', async () => {
    const { queue, disk } = await openTestQueue();
    const id = await accept(queue, 'parent');
    const { records } = queue.stats();
    await queue.settle(id, {
      ended: [{ recipient: 0, outcome: 'bounced', reply: REPLY }],
      deferred: [],
      report: { envelope: envelopeOf('report'), jobs: [jobFor([0])], content: Buffer.from('a bounce') },
    });
    expect(queue.stats().records - records).toBe(1);
    const after = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    const [report, ...others] = [...after.queue.entries()];
    expect(others).toEqual([]);
    expect((await contentOf(after.queue, report!.id))?.toString()).toBe('a bounce');
  });

  it('removes the body with the message', async () => {
    const { queue, disk } = await openTestQueue();
    const id = await accept(queue, 'large', Buffer.alloc(5000));
    const [lane] = await disk.list('/queue/lanes');
    expect(await disk.list(`/queue/lanes/${lane}/body`)).toHaveLength(1);
    await queue.settle(id, DELIVERED);
    await settleDown();
    expect(await disk.list(`/queue/lanes/${lane}/body`)).toEqual([]);
  });

  it('refuses what it does not know', async () => {
    const { queue } = await openTestQueue();
    await expect(queue.settle('aaaaaaaaaaaa-1', DELIVERED)).rejects.toMatchObject({ code: 'NoSuchMessage' });
  });
});

describe('a draft', () => {
  it('leaves nothing behind when it is aborted', async () => {
    const { queue, disk } = await openTestQueue();
    const draft = queue.draft();
    await draft.write(Buffer.alloc(5000));
    await draft.abort();
    const [lane] = await disk.list('/queue/lanes');
    expect(await disk.list(`/queue/lanes/${lane}/body`)).toEqual([]);
    expect(queue.counts().messages).toBe(0);
  });

  it('of a process that died is collected by the next owner', async () => {
    const { queue, disk } = await openTestQueue();
    await queue.draft().write(Buffer.alloc(5000));
    await settleDown();
    const after = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    const [lane] = await after.disk.list('/queue/lanes');
    expect(await after.disk.list(`/queue/lanes/${lane}/body`)).toEqual([]);
  });

  it('never gets the id of an earlier one, not even of one that was never committed', async () => {
    const { queue, disk } = await openTestQueue();
    const ids = new Set<string>();
    for (let i = 0; i < 10; i += 1) ids.add(queue.draft().id);
    const after = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    expect(after.queue.draft().id.split('-')[0]).toBe([...ids][0]!.split('-')[0]);
    expect(ids.has(after.queue.draft().id)).toBe(false);
  });

  it('never gets the id of an earlier one, not even after compaction took all records of that', async () => {
    const { queue, disk } = await openTestQueue();
    const ids: string[] = [];
    for (let i = 0; i < 12; i += 1) ids.push(await accept(queue, `m${i}`, Buffer.alloc(1500)));
    const unused = queue.draft().id;
    for (const id of ids) await queue.settle(id, DELIVERED);
    await settleDown();
    const [lane] = await disk.list('/queue/lanes');
    expect(await disk.list(`/queue/lanes/${lane}`)).not.toContain('segment.0000000001');
    const after = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    expect([...ids, unused]).not.toContain(after.queue.draft().id);
  });

  it('makes its writer wait while the disk is slow, so that memory stays bounded', async () => {
    const disk = new MemoryDisk();
    const { queue } = await openTestQueue({ disk });
    let finish: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { create } = disk;
    disk.create = async (path) => {
      const file = await create.call(disk, path);
      return { ...file, write: (buffers, position) => slow.then(() => file.write(buffers, position)) };
    };
    const draft = queue.draft();
    let taken = 0;
    while (draft.write(Buffer.alloc(1 << 16)) === undefined) taken += 1;
    expect(taken).toBeLessThan(40);
    finish();
    await draft.abort();
  });
});

describe('compaction', () => {
  it('gives the space of ended messages back, and keeps the others as they are', async () => {
    const { queue, disk } = await openTestQueue();
    const kept: string[] = [];
    for (let round = 0; round < 30; round += 1) {
      const ids = await Promise.all(
        [1, 2, 3].map((i) => accept(queue, `${round}.${i}`, Buffer.alloc(1000, 'x'))),
      );
      for (const id of ids.slice(1)) await queue.settle(id, DELIVERED);
      if (round % 6 === 0) {
        await queue.settle(ids[0]!, deferredUntil(round, 1));
        kept.push(ids[0]!);
      } else await queue.settle(ids[0]!, DELIVERED);
    }
    await settleDown();
    const [lane] = await disk.list('/queue/lanes');
    const names = await disk.list(`/queue/lanes/${lane}`);
    expect(names).not.toContain('segment.0000000001');
    const used = names
      .filter((name) => name.startsWith('segment.'))
      .reduce((sum, name) => sum + disk.bytesOf(`/queue/lanes/${lane}/${name}`).length, 0);
    expect(used).toBeLessThan(40_000);
    const after = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    const entries = [...after.queue.entries()];
    expect(entries.map(({ id }) => id).sort()).toEqual([...kept].sort());
    for (const { jobs } of entries) expect(jobs[0]!.attempts).toBe(1);
    for (const id of kept) expect((await contentOf(after.queue, id))?.length).toBe(1000);
  });
});

describe('the file system of this machine', () => {
  it('says why a folder can not be used', async () => {
    const { openQueue } = await import('./queue.ts');
    const { depsOf, TEST_CONFIG } = await import('./testing/test-queue.ts');
    const deps = { ...depsOf({}), disk: nodeDisk };
    await expect(openQueue({ ...TEST_CONFIG, path: '/dev/null/queue' }, deps)).rejects.toMatchObject({
      code: 'QueueUnwritable',
    });
  });
});
