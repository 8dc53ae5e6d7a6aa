/** One fault per test: what it costs, and that everything else goes on. */
import { describe, expect, it } from 'vitest';
import type { SmtpError } from '../errors.ts';
import { settleDown } from '../testing/test-clock.ts';
import { diskError, flipBitAt, MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  DELIVERED,
  deferredUntil,
  envelopeOf,
  jobFor,
  type LogLine,
  openPatiently,
  openTestQueue,
  type TestQueue,
} from './testing/test-queue.ts';

const lanesOf = (disk: MemoryDisk): Promise<string[]> => disk.list('/queue/lanes');

async function segmentsOf(disk: MemoryDisk): Promise<string[]> {
  const found: string[] = [];
  for (const lane of await lanesOf(disk)) {
    const folder = `/queue/lanes/${lane}`;
    for (const name of await disk.list(folder)) {
      if (name.startsWith('segment.')) found.push(`${folder}/${name}`);
    }
  }
  return found.sort();
}

const refusal = (error: unknown): string => {
  const { code, enhanced } = error as SmtpError;
  return `${code} ${enhanced}`;
};

async function reopen({ disk }: TestQueue, lines: LogLine[] = []): Promise<TestQueue> {
  return openTestQueue({ disk: disk.reopen(), seed: 99, lines });
}

describe('a torn tail', () => {
  it('costs nothing that was answered, and is no damage', async () => {
    const test = await openTestQueue();
    const ids = [await accept(test.queue, 'kept'), await accept(test.queue, 'kept too')];
    const [segment] = await segmentsOf(test.disk);
    const before = test.disk.bytesOf(segment!);
    await accept(test.queue, 'torn');
    // The group that was on its way, without its last bytes, under the lease of before.
    const group = test.disk.bytesOf(segment!).subarray(before.length, -3);
    const torn = await openTestQueue();
    for (const subject of ['kept', 'kept too']) await accept(torn.queue, subject);
    const [same] = await segmentsOf(torn.disk);
    torn.disk.damage(same!, (bytes) => Buffer.concat([bytes, group]));
    const after = await reopen(torn);
    expect([...after.queue.entries()].map((entry) => entry.id)).toEqual(ids);
    expect(after.queue.counts().damaged).toBe(0);
  });
});

describe('the end of what was answered', () => {
  it('is damage where it is gone: the lease says how far its segment had been synced', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'kept');
    await accept(test.queue, 'cut');
    const [segment] = await segmentsOf(test.disk);
    test.disk.damage(segment!, (bytes) => bytes.subarray(0, bytes.length - 3));
    const after = await openPatiently({ disk: test.disk.reopen(), seed: 99 });
    expect([...after.queue.entries()].map((entry) => entry.id)).toEqual([id]);
    expect(after.queue.counts().damaged).toBe(1);
  });
});

describe('a flipped bit below a synced group', () => {
  it('costs the damaged record, which is counted, reported and kept aside', async () => {
    const test = await openTestQueue();
    const first = await accept(test.queue, 'first');
    const second = await accept(test.queue, 'second', Buffer.from('some content to be damaged'));
    const third = await accept(test.queue, 'third');
    const [segment] = await segmentsOf(test.disk);
    test.disk.damage(segment!, flipBitAt('to be damaged'));
    const lines: LogLine[] = [];
    const after = await reopen(test, lines);
    expect([...after.queue.entries()].map((entry) => entry.id)).toEqual([first, third]);
    expect(after.queue.entry(second)).toBeUndefined();
    expect(after.queue.counts().damaged).toBe(1);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    const [lane] = await lanesOf(after.disk);
    const [aside] = await after.disk.list(`/queue/lanes/${lane}/damaged`);
    expect(after.disk.bytesOf(`/queue/lanes/${lane}/damaged/${aside}`).toString()).toContain('some content');
  });

  it('in the header of a group costs that group', async () => {
    const test = await openTestQueue();
    const first = await accept(test.queue, 'first');
    const [segment] = await segmentsOf(test.disk);
    const at = test.disk.bytesOf(segment!).length;
    await accept(test.queue, 'second');
    const third = await accept(test.queue, 'third');
    test.disk.damage(segment!, (bytes) => {
      bytes[at + 9] = bytes[at + 9]! ^ 1;
      return bytes;
    });
    const after = await reopen(test);
    expect([...after.queue.entries()].map((entry) => entry.id)).toEqual([first, third]);
    expect(after.queue.counts().damaged).toBe(1);
  });

  it('in the first copy of a segment header costs nothing', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'kept');
    const [segment] = await segmentsOf(test.disk);
    test.disk.damage(segment!, (bytes) => {
      bytes[40] = bytes[40]! ^ 1;
      return bytes;
    });
    const after = await reopen(test);
    expect(after.queue.entry(id)).toBeDefined();
    expect(after.queue.counts().damaged).toBe(0);
  });

  it('found by a reader takes the message out, and never changes it', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'first', Buffer.from('the content as it was sent'));
    const after = await reopen(test);
    const [segment] = await segmentsOf(after.disk);
    after.disk.damage(segment!, flipBitAt('as it was sent'));
    expect(await after.queue.read(id)).toBeUndefined();
    expect(after.queue.entry(id)).toBeUndefined();
    expect(after.queue.counts().damaged).toBe(1);
  });
});

describe('damage of what others hang on', () => {
  it('in both copies of the newest segment header is reported', async () => {
    const first = await openTestQueue();
    const id = await accept(first.queue, 'in the first segment');
    const test = await openTestQueue({ disk: first.disk.reopen(), seed: 2 });
    await accept(test.queue, 'in the second');
    const newest = (await segmentsOf(test.disk)).at(-1)!;
    test.disk.damage(newest, (bytes) => bytes.fill(0xff, 0, 1024));
    const after = await reopen(test);
    expect([...after.queue.entries()].map((entry) => entry.id)).toEqual([id]);
    expect(after.queue.counts().damaged).toBe(1);
    const [lane] = await lanesOf(after.disk);
    const [aside] = await after.disk.list(`/queue/lanes/${lane}/damaged`);
    expect(after.disk.bytesOf(`/queue/lanes/${lane}/damaged/${aside}`).toString()).toContain('in the second');
  });

  it("in another's place is not served as ours", async () => {
    const disk = new MemoryDisk();
    const one = await openTestQueue({ disk, othersGone: false });
    const two = await openTestQueue({ disk, seed: 2, othersGone: false });
    await accept(one.queue, 'one');
    const theirs = await accept(two.queue, 'two');
    const [ours, other] = [one, two].map(
      ({ queue }) => `/queue/lanes/${queue.home()}/segment.0000000001`,
    ) as [string, string];
    disk.damage(ours, () => disk.bytesOf(other));
    const after = await openTestQueue({ disk: disk.reopen(), seed: 99 });
    await after.clock.advance(5000);
    expect([...after.queue.entries()].map(({ id }) => id)).toEqual([theirs]);
    expect(after.queue.counts().damaged).toBe(1);
  });

  it('is kept aside as a whole, though the first copy was cut', async () => {
    const test = await openTestQueue();
    await accept(test.queue, 'second', Buffer.from('some content to be damaged'));
    await accept(test.queue, 'third');
    const [segment] = await segmentsOf(test.disk);
    test.disk.damage(segment!, flipBitAt('to be damaged'));
    const lines: LogLine[] = [];
    const [lane] = await lanesOf(test.disk);
    const aside = `/queue/lanes/${lane}/damaged`;
    const disk = test.disk.reopen();
    disk.inject = (step) =>
      step.operation === 'write' && step.path.startsWith(aside) ? diskError('ENOSPC', step) : undefined;
    const full = await openTestQueue({ disk, seed: 98, lines });
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { keptAside: expect.stringContaining('ENOSPC') } },
    ]);
    const after = await reopen(full);
    const [copy] = await after.disk.list(aside);
    expect(after.disk.bytesOf(`${aside}/${copy}`).toString()).toContain('some content');
  });

  it('keeps the body whose record is damaged', async () => {
    const test = await openTestQueue();
    await accept(test.queue, 'large', Buffer.alloc(5000, 'x'));
    await accept(test.queue, 'small');
    const [segment] = await segmentsOf(test.disk);
    test.disk.damage(segment!, flipBitAt('large-0@example.test'));
    const after = await reopen(test);
    expect(after.queue.counts()).toMatchObject({ messages: 1, damaged: 1 });
    const [lane] = await lanesOf(after.disk);
    expect(await after.disk.list(`/queue/lanes/${lane}/body`)).toHaveLength(1);
  });
});

describe('a sync that fails', () => {
  it('is answered 451, never believed, and the lane goes on in a new segment', async () => {
    const test = await openTestQueue();
    const before = await accept(test.queue, 'before');
    let syncs = 0;
    test.disk.inject = (step) => {
      if (step.operation !== 'sync' || !step.path.includes('segment.')) return undefined;
      syncs += 1;
      return syncs === 1 ? diskError('EIO', step) : undefined;
    };
    const draft = test.queue.draft();
    await draft.write(Buffer.from('refused'));
    const error = await draft.commit(envelopeOf('refused'), [jobFor([0])]).catch((e: unknown) => e);
    expect(refusal(error)).toBe('451 4.3.0');
    const after = await accept(test.queue, 'after');
    expect(await segmentsOf(test.disk)).toHaveLength(2);
    const again = await reopen(test);
    expect([...again.queue.entries()].map(({ id }) => id)).toEqual([before, after]);
  });

  it('does not lose a settlement: it is written again', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'message');
    let failed = false;
    test.disk.inject = (step) => {
      if (failed || step.operation !== 'sync') return undefined;
      failed = true;
      return diskError('EIO', step);
    };
    await test.queue.settle(id, DELIVERED);
    expect(failed).toBe(true);
    const again = await reopen(test);
    expect([...again.queue.entries()]).toEqual([]);
  });

  it('at the head of the next segment too gives the lane up, and a new one is made', async () => {
    const test = await openTestQueue({ othersGone: false });
    const id = await accept(test.queue, 'message');
    test.disk.inject = (step) => (step.operation === 'sync' ? diskError('EIO', step) : undefined);
    await expect(test.queue.settle(id, deferredUntil(1, 1))).rejects.toThrow();
    test.disk.inject = () => undefined;
    expect(test.queue.entry(id)).toBeUndefined();
    expect(test.queue.owns(id)).toBe(false);
    await test.clock.advance(1);
    await settleDown();
    const other = await accept(test.queue, 'other');
    expect(other.split('-')[0]).not.toBe(id.split('-')[0]);
  });
});

describe('a full volume', () => {
  it('refuses new mail with 452 and takes it again when there is room', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'before');
    test.disk.capacity = test.disk.used + 100;
    const draft = test.queue.draft();
    await draft.write(Buffer.alloc(1500));
    const error = await draft.commit(envelopeOf('x'), [jobFor([0])]).catch((e: unknown) => e);
    expect(refusal(error)).toBe('452 4.3.1');
    expect(test.queue.counts().full).toBe(true);
    expect(() => test.queue.draft()).toThrow('Insufficient system storage');
    test.disk.capacity = Number.POSITIVE_INFINITY;
    await test.clock.advance(1000);
    test.queue.counts();
    await settleDown();
    const after = await accept(test.queue, 'after');
    const again = await reopen(test);
    expect([...again.queue.entries()].map((entry) => entry.id)).toEqual([id, after]);
  });

  it('is seen before it happens, by the watermark', async () => {
    const disk = new MemoryDisk();
    disk.capacity = 10 << 20;
    const test = await openTestQueue({ disk, config: { minFreeBytes: 9 << 20 } });
    await test.clock.advance(1000);
    test.queue.counts();
    await settleDown();
    expect(() => test.queue.draft()).toThrow('Insufficient system storage');
  });

  it('still takes settlements, in the reserve', async () => {
    const test = await openTestQueue();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push(await accept(test.queue, `m${i}`));
    test.disk.capacity = test.disk.used;
    for (const id of ids.slice(1)) await test.queue.settle(id, DELIVERED);
    await test.queue.settle(ids[0]!, deferredUntil(7, 1));
    const again = await reopen(test);
    const left = [...again.queue.entries()];
    expect(left.map(({ id }) => id)).toEqual([ids[0]]);
    expect(left[0]!.jobs[0]!.attempts).toBe(1);
    const after = await accept(again.queue, 'room again');
    expect(again.queue.entry(after)).toBeDefined();
  });

  it('in the middle of a body removes the body', async () => {
    const test = await openTestQueue();
    test.disk.capacity = test.disk.used + 5000;
    const draft = test.queue.draft();
    const write = async (): Promise<void> => {
      for (let i = 0; i < 10; i += 1) {
        await draft.write(Buffer.alloc(1000));
        await settleDown();
      }
      await draft.commit(envelopeOf('x'), [jobFor([0])]);
    };
    const error = await write().catch((e: unknown) => e);
    expect(refusal(error)).toBe('452 4.3.1');
    await draft.abort();
    const [lane] = await lanesOf(test.disk);
    expect(await test.disk.list(`/queue/lanes/${lane}/body`)).toEqual([]);
  });
});

describe('versions', () => {
  it('refuses the folder of a newer version', async () => {
    const test = await openTestQueue();
    await test.queue.release();
    test.disk.damage('/queue/VERSION', () => Buffer.from('postrider queue 2\n'));
    await expect(reopen(test)).rejects.toMatchObject({ code: 'QueueVersionUnsupported' });
  });

  it('leaves the lane of a newer version to others', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'message');
    await test.queue.release();
    const [segment] = await segmentsOf(test.disk);
    test.disk.damage(segment!, (bytes) => {
      bytes.writeUInt16LE(2, 8);
      return bytes;
    });
    const lines: LogLine[] = [];
    const after = await reopen(test, lines);
    expect(after.queue.entry(id)).toBeUndefined();
    expect(lines.map(({ message }) => message)).toContain('lane could not be adopted');
    expect(await lanesOf(after.disk)).toHaveLength(2);
    await after.clock.advance(30_000);
    expect(await lanesOf(after.disk)).toHaveLength(2);
  });
});

describe('a dropped segment that a crash has brought back', () => {
  it('gives nothing back that had ended', async () => {
    const test = await openTestQueue();
    const taken = (count: number): Promise<string[]> =>
      Promise.all(Array.from({ length: count }, (_, i) => accept(test.queue, `m${i}`, Buffer.alloc(1500))));
    const end = (ids: readonly string[]) => Promise.all(ids.map((id) => test.queue.settle(id, DELIVERED)));
    const [early] = await taken(3);
    const [path] = await segmentsOf(test.disk);
    const bytes = Buffer.from(test.disk.bytesOf(path!));
    await taken(3);
    await end([early!]);
    expect(await segmentsOf(test.disk)).toHaveLength(2);
    await taken(3);
    const kept = await accept(test.queue, 'kept');
    const newest = (await segmentsOf(test.disk)).at(-1)!;
    // All older segments go at once, among them the one that says that the first message has ended.
    await end([...test.queue.entries()].map(({ id }) => id).filter((id) => id !== kept));
    await settleDown();
    expect((await segmentsOf(test.disk))[0]).toBe(newest);
    const file = await test.disk.create(path!);
    await file.write([bytes], 0);
    const after = await reopen(test);
    expect([...after.queue.entries()].map(({ id }) => id)).toEqual([kept]);
    expect(after.queue.counts().damaged).toBe(0);
  });
});

describe('a segment that took no group', () => {
  it('is nothing to miss, where a crash has taken its name', async () => {
    const test = await openTestQueue();
    const kept = [await accept(test.queue, 'kept')];
    let writes = 0;
    test.disk.inject = (step) => {
      if (step.operation !== 'write' || !step.path.endsWith('/segment.0000000002')) return undefined;
      writes += 1;
      return writes === 2 ? diskError('ESTALE', step) : undefined;
    };
    while (writes < 2) {
      const id = await accept(test.queue, 'more', Buffer.alloc(1500)).catch(() => undefined);
      if (id) kept.push(id);
    }
    kept.push(await accept(test.queue, 'later'));
    const empty = (await segmentsOf(test.disk)).find((path) => path.endsWith('/segment.0000000002'));
    await test.disk.unlink(empty!);
    const after = await reopen(test);
    expect([...after.queue.entries()].map(({ id }) => id)).toEqual(kept);
    expect(after.queue.counts().damaged).toBe(0);
  });
});
