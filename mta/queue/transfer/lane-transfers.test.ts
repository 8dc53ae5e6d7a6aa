import { describe, expect, it } from 'vitest';
import { PostriderError } from '../../errors.ts';
import { seeded } from '../../testing/seeded.ts';
import { settleDown } from '../../testing/test-clock.ts';
import type { LaneQueue } from '../queue.ts';
import type { MemoryDisk } from '../testing/memory-disk.ts';
import { accept, contentOf, DELIVERED, envelopeOf, jobFor, openTestQueue } from '../testing/test-queue.ts';
import type { LaneTransfers } from './lane-transfers.ts';

const THERE = { member: 'pod-1', lane: 'aaaaaaaaaaaa' };
const MANY = { messages: 100, bytes: 1e6 };
const anything = () => true;

const only = (queue: LaneQueue): LaneTransfers => queue.transfers()[0]!;

/** Makes so much garbage that what was there before has been moved to other segments. */
async function compactAll(queue: LaneQueue, disk: MemoryDisk): Promise<void> {
  const folder = `/queue/lanes/${queue.home()}`;
  const segments = async () => (await disk.list(folder)).filter((name) => name.startsWith('segment.'));
  const before = await segments();
  for (let round = 0; round < 60; round += 1) {
    await queue.settle(await accept(queue, 'garbage', Buffer.alloc(1500)), DELIVERED);
  }
  await settleDown();
  const after = await segments();
  expect(after.filter((name) => before.includes(name))).toEqual([]);
}

async function receive(queue: LaneQueue, batch: string, sequence: number, content: Buffer): Promise<string> {
  const draft = only(queue).draft({ batch, from: 'pod-9', sequence });
  await draft.write(content);
  await draft.commit(envelopeOf('m'), [jobFor([0])]);
  return draft.id;
}

describe('messages that are pinned to a receiver', () => {
  it('count as held, and nobody else may settle them', async () => {
    const { queue } = await openTestQueue();
    const id = await accept(queue, 'm');
    const batch = await only(queue).hand(THERE, MANY, anything);
    expect(batch?.sequences).toHaveLength(1);
    expect(queue.entry(id)?.jobs).toMatchObject([{ held: true }]);
    const refused = await queue.settle(id, DELIVERED).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PostriderError);
    expect((refused as PostriderError).code).toBe('MessageMoving');
    expect(await only(queue).hand(THERE, MANY, anything)).toBeUndefined();
  });

  it('are so after a crash and after compaction, whatever was lost of unsynced writes', async () => {
    const { queue, disk } = await openTestQueue();
    const id = await accept(queue, 'm');
    const batch = await only(queue).hand(THERE, MANY, anything);
    await compactAll(queue, disk);
    const again = await openTestQueue({ disk: disk.restart(seeded(5).fraction), seed: 2 });
    expect(only(again.queue).batches()).toEqual([batch]);
    expect(again.queue.entry(id)?.jobs).toMatchObject([{ held: true }]);
  });

  it('leave when the receiver has them, and the others are free when the batch is closed', async () => {
    const { queue, disk } = await openTestQueue();
    const arrived: string[] = [];
    const [one, two] = [await accept(queue, 'one'), await accept(queue, 'two')];
    queue.onArrival(({ id, jobs }) => void (jobs[0]!.held !== true && arrived.push(id)));
    const transfers = only(queue);
    const batch = (await transfers.hand(THERE, MANY, anything))!;
    await transfers.moved(batch.sequences[0]!, batch, 'bbbbbbbbbbbb-1');
    expect(queue.entry(one)).toBeUndefined();
    expect(transfers.left(batch)).toEqual([batch.sequences[1]]);
    await transfers.close(batch);
    expect(arrived).toEqual([two]);
    const again = await openTestQueue({ disk: disk.restart(seeded(5).fraction), seed: 2 });
    expect([...again.queue.entries()]).toMatchObject([{ id: two, jobs: [{ attempts: 0 }] }]);
    expect([...again.queue.entries()][0]!.jobs[0]!.held).toBeUndefined();
    expect(only(again.queue).batches()).toEqual([]);
  });

  it('keep their lane until the batch is closed, though it is empty', async () => {
    const { queue } = await openTestQueue();
    await accept(queue, 'm');
    const transfers = only(queue);
    const batch = (await transfers.hand(THERE, MANY, anything))!;
    await transfers.moved(batch.sequences[0]!, batch, 'bbbbbbbbbbbb-1');
    queue.leave();
    await queue.retireEmpty();
    expect(queue.transfers()).toHaveLength(1);
    await transfers.close(batch);
    await queue.retireEmpty();
    expect(queue.transfers()).toHaveLength(0);
  });

  it('go in batches of a bounded size, one message at least', async () => {
    const { queue } = await openTestQueue();
    for (let i = 0; i < 5; i += 1) await accept(queue, `m${i}`, Buffer.alloc(100));
    const sizes: (number | undefined)[] = [];
    for (const limits of [
      { messages: 2, bytes: 1e6 },
      { messages: 9, bytes: 10 },
      { messages: 9, bytes: 1e6 },
    ]) {
      sizes.push((await only(queue).hand(THERE, limits, anything))?.sequences.length);
    }
    expect(sizes).toEqual([2, 1, 2]);
  });

  it('are those alone that may move', async () => {
    const { queue } = await openTestQueue();
    const [one] = [await accept(queue, 'one'), await accept(queue, 'two')];
    const batch = await only(queue).hand(THERE, MANY, ({ id }) => id !== one);
    expect(batch?.sequences).toHaveLength(1);
    expect(queue.entry(one)?.jobs[0]?.held).toBeUndefined();
  });
});

describe('the keys of messages that came', () => {
  it('stand in the record of the message, inline or with a body', async () => {
    for (const size of [10, 5000]) {
      const { queue, disk } = await openTestQueue();
      const content = Buffer.alloc(size, 'x');
      const id = await receive(queue, 'b', 7, content);
      expect(only(queue).kept('b')).toEqual([[7, id]]);
      const again = await openTestQueue({ disk: disk.restart(seeded(3).fraction), seed: 2 });
      expect(only(again.queue).kept('b')).toEqual([[7, id]]);
      expect(await contentOf(again.queue, id)).toEqual(content);
      expect(() => only(again.queue).draft({ batch: 'b', from: 'pod-9', sequence: 7 })).toThrow(/already/);
    }
  });

  it('outlive the message, compaction and a crash, with and without snapshots', async () => {
    for (const snapshots of [true, false]) {
      const { queue, disk } = await openTestQueue();
      const id = await receive(queue, 'b', 7, Buffer.from('m'));
      const stays = await receive(queue, 'b', 8, Buffer.from('n'));
      await queue.settle(id, DELIVERED);
      await compactAll(queue, disk);
      const after = disk.restart(seeded(4).fraction);
      const folder = `/queue/lanes/${queue.home()}`;
      for (const name of await after.list(folder)) {
        if (!snapshots && name.startsWith('snapshot.')) await after.unlink(`${folder}/${name}`);
      }
      const again = await openTestQueue({ disk: after, seed: 2 });
      expect(only(again.queue).kept('b')).toEqual([
        [7, id],
        [8, stays],
      ]);
    }
  });

  it('go when the sender says so, for good', async () => {
    const { queue, disk } = await openTestQueue();
    await receive(queue, 'b', 7, Buffer.from('m'));
    await receive(queue, 'c', 7, Buffer.from('n'));
    await only(queue).forget('b');
    await only(queue).forget('b');
    await compactAll(queue, disk);
    const again = await openTestQueue({ disk: disk.restart(seeded(4).fraction), seed: 2 });
    expect(only(again.queue).receptions()).toMatchObject([{ batch: 'c', from: 'pod-9' }]);
  });

  it('keep their lane, though it is empty', async () => {
    const { queue } = await openTestQueue();
    await queue.settle(await receive(queue, 'b', 7, Buffer.from('m')), DELIVERED);
    queue.leave();
    await queue.retireEmpty();
    expect(queue.transfers()).toHaveLength(1);
    await only(queue).forget('b');
    await queue.retireEmpty();
    expect(queue.transfers()).toHaveLength(0);
  });
});

describe('a queue that leaves', () => {
  it('refuses new mail, makes no lane, and loses nothing that was on its way in', async () => {
    const { queue, disk, clock } = await openTestQueue();
    const lane = queue.home()!;
    const draft = queue.draft();
    await draft.write(Buffer.from('m'));
    queue.leave();
    expect(() => queue.draft()).toThrow(/going down/);
    // The commit and the removal race: one of them is refused.
    const [committed] = await Promise.allSettled([
      draft.commit(envelopeOf('m'), [jobFor([0])]),
      queue.retireEmpty(),
    ]);
    await clock.advance(30_000);
    const names = await disk.list('/queue/lanes');
    expect(names).toEqual(committed.status === 'fulfilled' ? [lane] : []);
    expect(queue.entry(draft.id) !== undefined).toBe(committed.status === 'fulfilled');
  });

  it('refuses a commit that comes when its lane is being removed', async () => {
    const { queue, disk } = await openTestQueue();
    const draft = queue.draft();
    await draft.write(Buffer.from('m'));
    queue.leave();
    const tidied = queue.retireEmpty();
    await expect(draft.commit(envelopeOf('m'), [jobFor([0])])).rejects.toThrow();
    await tidied;
    expect(await disk.list('/queue/lanes')).toEqual([]);
  });

  it('leaves a lane behind that has something damaged kept aside', async () => {
    const { queue, disk } = await openTestQueue();
    const lane = queue.home()!;
    await disk.makeDirectory(`/queue/lanes/${lane}/damaged`);
    queue.leave();
    await queue.retireEmpty();
    expect(await disk.list('/queue/lanes')).toEqual([`${lane}.damaged`]);
    const again = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    await again.clock.advance(30_000);
    expect(again.queue.counts()).toMatchObject({ lanes: 1, messages: 0 });
  });

  it('adopts a lane whose folder of bodies was lost with its maker', async () => {
    const { queue, disk } = await openTestQueue();
    const id = await accept(queue, 'm');
    await disk.removeDirectory(`/queue/lanes/${queue.home()}/body`);
    const again = await openTestQueue({ disk: disk.reopen(), seed: 2 });
    expect(again.queue.entry(id)).toBeDefined();
    expect(await contentOf(again.queue, await accept(again.queue, 'l', Buffer.alloc(5000)))).toHaveLength(
      5000,
    );
  });
});
