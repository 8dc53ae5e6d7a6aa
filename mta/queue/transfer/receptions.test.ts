import { describe, expect, it } from 'vitest';
import { PostriderError } from '../../errors.ts';
import { seeded } from '../../testing/seeded.ts';
import { settleDown, TestClock } from '../../testing/test-clock.ts';
import { inMemory } from '../read.ts';
import { holdNext } from '../testing/held-step.ts';
import { diskError, MemoryDisk } from '../testing/memory-disk.ts';
import { contentOf, envelopeOf, jobFor, openTestQueue, type TestQueue } from '../testing/test-queue.ts';
import { encodeFrame } from './frames.ts';
import { Receptions, type TakenMessage } from './receptions.ts';

const BATCH = 'batch';

interface Worker extends TestQueue {
  readonly receptions: Receptions;
  readonly taken: TakenMessage[];
}

async function worker(disk = new MemoryDisk(), clock = new TestClock(), seed = 1): Promise<Worker> {
  const test = await openTestQueue({ disk, clock, seed, othersGone: false });
  const taken: TakenMessage[] = [];
  const receptions = new Receptions({
    queue: test.queue,
    random: seeded(seed + 50),
    onTaken: (message) => void taken.push(message),
  });
  return { ...test, receptions, taken };
}

async function frame(sequence: number, content = Buffer.from(`content ${sequence}`)): Promise<Buffer> {
  const header = { sequence, envelope: envelopeOf(`m${sequence}`), jobs: [jobFor([0])] };
  const chunks: Buffer[] = [];
  for await (const chunk of encodeFrame(header, inMemory(content))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const sequencesOf = (kept: readonly (readonly [number, string])[]) =>
  kept.map(([sequence]) => sequence).sort();

const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'answered',
    (error: unknown) => (error instanceof PostriderError ? error.code : String(error)),
  );

/** Fails the next sync of a segment. */
function failNextSync(disk: MemoryDisk): void {
  disk.inject = (step) => {
    if (step.operation !== 'sync' || !step.path.includes('segment.')) return undefined;
    disk.inject = () => undefined;
    return diskError('EIO', step);
  };
}

describe('the opening of a batch', () => {
  it('is answered after a sync has failed only when it is durable elsewhere', async () => {
    const { queue, disk, clock, receptions } = await worker();
    const lane = queue.home()!;
    const first = await receptions.open(lane, BATCH, 'pod-9');
    await receptions.write(BATCH, first.session, await frame(1));
    await receptions.finish(BATCH, first.session);
    const before = disk.steps.length;
    failNextSync(disk);
    const [again] = await Promise.all([receptions.open(lane, BATCH, 'pod-9'), clock.advance(1000)]);
    expect(sequencesOf(again.kept)).toEqual([1]);
    const since = disk.steps.slice(before);
    expect(since.some(({ operation, path }) => operation === 'create' && path.includes('/segment.'))).toBe(
      true,
    );
    expect(await codeOf(receptions.write(BATCH, first.session, await frame(2)))).toBe('TransferOver');
    const after = await openTestQueue({ disk: disk.restart(seeded(7).fraction), seed: 2 });
    expect(sequencesOf(after.queue.transfers()[0]!.kept(BATCH))).toEqual([1]);
  });

  it('is not answered by a worker whose disk takes nothing more, and truly by the next owner of the lane', async () => {
    const { queue, disk, clock, receptions } = await worker();
    const lane = queue.home()!;
    const first = await receptions.open(lane, BATCH, 'pod-9');
    await receptions.write(BATCH, first.session, await frame(1));
    await receptions.finish(BATCH, first.session);
    disk.inject = (step) =>
      ['sync', 'create', 'rename'].includes(step.operation) ? diskError('EIO', step) : undefined;
    const [failed] = await Promise.allSettled([receptions.open(lane, BATCH, 'pod-9'), clock.advance(1000)]);
    expect(failed.status).toBe('rejected');
    disk.inject = () => undefined;
    const next = await worker(disk.reopen(), new TestClock(), 2);
    for (let i = 0; i < 30; i += 1) await next.clock.advance(1000);
    const opened = await next.receptions.open(lane, BATCH, 'pod-9');
    expect(sequencesOf(opened.kept)).toEqual([1]);
  });

  it('tells of no message whose commit failed, which may come again then, once', async () => {
    const { queue, disk, clock, receptions } = await worker();
    const lane = queue.home()!;
    const first = await receptions.open(lane, BATCH, 'pod-9');
    failNextSync(disk);
    await receptions.write(BATCH, first.session, await frame(1));
    const [finished] = await Promise.all([receptions.finish(BATCH, first.session), clock.advance(1000)]);
    expect(finished).toMatchObject({ kept: [] });
    expect(finished.refused).toBeDefined();
    const second = await receptions.open(lane, BATCH, 'pod-9');
    expect(second.kept).toEqual([]);
    await receptions.write(BATCH, second.session, await frame(1));
    expect(sequencesOf((await receptions.finish(BATCH, second.session)).kept)).toEqual([1]);
    // The one that failed counts on no disk: else there would be two.
    for (const seed of [1, 2, 3]) {
      const after = await openTestQueue({ disk: disk.restart(seeded(seed).fraction), seed: 2 });
      expect(after.queue.counts().messages).toBe(1);
    }
  });

  it('waits for commits that are under way, and tells of them', async () => {
    const { queue, disk, receptions, taken } = await worker();
    const lane = queue.home()!;
    const first = await receptions.open(lane, BATCH, 'pod-9');
    const renewal = holdNext(disk, 'rename', (path) => path.includes('/lease.'));
    await receptions.write(BATCH, first.session, await frame(1));
    await renewal.reached;
    const [half] = [(await frame(2)).subarray(0, 30)];
    await receptions.write(BATCH, first.session, half!);
    let answered = false;
    const opening = receptions.open(lane, BATCH, 'pod-9').finally(() => {
      answered = true;
    });
    await settleDown();
    expect(answered).toBe(false);
    // The former session's bytes, held up on their way.
    expect(await codeOf(receptions.write(BATCH, first.session, await frame(3)))).toBe('TransferOver');
    renewal.go();
    const opened = await opening;
    expect(sequencesOf(opened.kept)).toEqual([1]);
    expect(taken).toHaveLength(1);
    // The message that was cut short leaves nothing, and comes whole.
    await receptions.write(BATCH, opened.session, Buffer.concat([await frame(1), await frame(2)]));
    expect(sequencesOf((await receptions.finish(BATCH, opened.session)).kept)).toEqual([1, 2]);
    expect(queue.counts().messages).toBe(2);
  });

  it('ends what the former session was in the middle of: it can not come later', async () => {
    const { queue, disk, receptions, taken } = await worker();
    const lane = queue.home()!;
    const first = await receptions.open(lane, BATCH, 'pod-9');
    const body = holdNext(disk, 'create', (path) => path.includes('/body/'));
    const large = await frame(1, Buffer.alloc(9000, 'large'));
    const both = Buffer.concat([large, await frame(2)]);
    const writing = receptions.write(BATCH, first.session, both).catch(() => undefined);
    await body.reached;
    const opening = receptions.open(lane, BATCH, 'pod-9');
    await settleDown();
    body.go();
    const opened = await opening;
    expect(opened.kept).toEqual([]);
    await writing;
    await settleDown();
    expect(taken).toEqual([]);
    await receptions.write(BATCH, opened.session, both);
    const sent = await receptions.finish(BATCH, opened.session);
    expect(sequencesOf(sent.kept)).toEqual([1, 2]);
    expect(sent.refused).toBeUndefined();
    expect(queue.counts().messages).toBe(2);
  });

  it('is refused where the process ends', async () => {
    const { queue, receptions } = await worker();
    const lane = queue.home()!;
    await receptions.close();
    expect(receptions.lane()).toBeUndefined();
    expect(await codeOf(receptions.open(lane, BATCH, 'pod-9'))).toBe('LaneLost');
  });
});

describe('a lane that another worker adopts in the middle of a batch', () => {
  it('takes every message once, and ends the session of before', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    const one = await worker(disk, clock, 1);
    const two = await worker(disk, clock, 2);
    const lane = one.queue.home()!;
    const first = await one.receptions.open(lane, BATCH, 'pod-9');
    await one.receptions.write(BATCH, first.session, await frame(1));
    const large = Buffer.alloc(9000, 'large');
    const second = await frame(2, large);
    await one.receptions.write(BATCH, first.session, second.subarray(0, 5000));
    await one.queue.release();
    for (let i = 0; i < 20; i += 1) await clock.advance(100);
    expect(two.queue.lanes().map(({ id }) => id)).toContain(lane);

    // The rest comes to the former owner: nothing of it may count.
    await one.receptions.write(BATCH, first.session, second.subarray(5000)).catch(() => undefined);
    const { kept, refused } = await one.receptions.finish(BATCH, first.session);
    expect(sequencesOf(kept)).toEqual([1]);
    expect(refused).toBeDefined();
    expect(await codeOf(one.receptions.open(lane, BATCH, 'pod-9'))).toBe('LaneLost');

    const opened = await two.receptions.open(lane, BATCH, 'pod-9');
    expect(sequencesOf(opened.kept)).toEqual([1]);
    await two.receptions.write(BATCH, opened.session, Buffer.concat([await frame(1), second]));
    const sent = await two.receptions.finish(BATCH, opened.session);
    expect(sequencesOf(sent.kept)).toEqual([1, 2]);
    expect(sent.refused).toBeUndefined();
    expect(two.queue.counts().messages).toBe(2);
    const id = sent.kept.find(([sequence]) => sequence === 2)![1];
    expect(await contentOf(two.queue, id)).toEqual(large);
    await two.receptions.done(lane, BATCH, opened.session);
    expect(two.queue.transfers().flatMap((each) => each.receptions())).toEqual([]);
  });
});
