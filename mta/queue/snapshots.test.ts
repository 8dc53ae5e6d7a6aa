/** Snapshots change how long a recovery takes, and nothing else. */
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seeded.ts';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { parseLeaseName, parseSnapshotName, snapshotName } from './layout.ts';
import { type Recovered, recoverLane } from './recovery.ts';
import { reasonToIgnore, Snapshots } from './snapshots.ts';
import { diskError, flipBitAt, MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  contentOf,
  DELIVERED,
  deferredUntil,
  envelopeOf,
  jobFor,
  type LogLine,
  openPatiently,
  openTestQueue,
  TEST_CONFIG,
  type TestQueue,
} from './testing/test-queue.ts';

const lanePaths = async (disk: MemoryDisk): Promise<string[]> =>
  (await disk.list('/queue/lanes')).map((lane) => `/queue/lanes/${lane}`);

async function snapshotsOf(disk: MemoryDisk): Promise<string[]> {
  const found: string[] = [];
  for (const folder of await lanePaths(disk)) {
    for (const name of await disk.list(folder)) {
      if (parseSnapshotName(name) !== undefined) found.push(`${folder}/${name}`);
    }
  }
  return found.sort();
}

interface Outcome {
  readonly used: number;
  readonly state: unknown;
}

/** Everything that recovery says of a lane. */
async function recover(disk: MemoryDisk, folder: string): Promise<Outcome | undefined> {
  const leases = (await disk.list(folder)).flatMap((name) => parseLeaseName(name) ?? []);
  if (!leases[0]) return undefined;
  const present = (await snapshotsOf(disk)).filter((path) => path.startsWith(folder)).length;
  const ignored: string[] = [];
  const snapshots = new Snapshots({
    disk,
    clock: new TestClock(),
    folder,
    epoch: 99,
    segmentBytes: TEST_CONFIG.segmentBytes,
    log: (_fields, message) => ignored.push(message),
  });
  const recovered: Recovered = await recoverLane(disk, folder, leases[0], {
    epoch: leases[0].number + 1,
    confirm: async () => undefined,
    clock: new TestClock(),
    snapshots,
  });
  const { index, first, ends, groupSequence, highest, damage } = recovered;
  return {
    used: present - ignored.length,
    state: {
      messages: [...index.values()].sort((a, b) => a.sequence - b.sequence),
      live: ends.map((_, i) => index.liveBytes(first + i)),
      bytes: [index.bytes, index.totalLiveBytes],
      ...{ first, ends, groupSequence, highest, damage },
    },
  };
}

/** Mail comes and goes at random, as long as the machine runs. */
async function history({ queue }: TestQueue, fraction: () => number): Promise<void> {
  for (let i = 0; i < 60; i += 1) {
    const ids = [...queue.entries()].map(({ id }) => id);
    const id = ids[Math.floor(fraction() * ids.length)];
    const chance = fraction();
    const content = Buffer.alloc(Math.floor(fraction() * 3000), 'x');
    const work: Promise<unknown>[] = [accept(queue, `m${i % 7}`, content)];
    if (id && chance < 0.3) work.push(queue.settle(id, deferredUntil(i, i)));
    else if (id && chance < 0.75) {
      const report = { envelope: envelopeOf('report'), jobs: [jobFor([0])], content: Buffer.from('bounce') };
      work.push(queue.settle(id, { ...DELIVERED, ...(chance < 0.4 && { report }) }));
    }
    await Promise.all(work);
    if (chance > 0.95) await settleDown();
  }
  await queue.release();
}

describe('a recovery with snapshots', () => {
  it('comes to the same as one without, after any history and crash', async () => {
    let used = 0;
    for (let seed = 1; seed <= 150; seed += 1) {
      const { fraction } = seeded(seed);
      let disk = (await openTestQueue({ seed })).disk.restart(fraction);
      for (let life = 0; life < 3; life += 1) {
        disk.stopAfter = Math.floor(fraction() * 400);
        const run = openTestQueue({ disk, seed: seed * 10 + life }).then((test) => history(test, fraction));
        await Promise.race([run, disk.stopped]);
        // The same fate twice: two disks that hold the same.
        const [one, other] = [1, 2].map(() => disk.restart(seeded(seed + life).fraction));
        for (const path of await snapshotsOf(other!)) await other!.unlink(path);
        for (const folder of await lanePaths(one!)) {
          const [withThem, without] = [await recover(one!, folder), await recover(other!, folder)];
          expect(withThem?.state, `seed ${seed}, life ${life}`).toEqual(without?.state);
          used += withThem?.used ?? 0;
        }
        disk = disk.restart(seeded(seed + life).fraction);
      }
    }
    expect(used).toBeGreaterThan(500);
  }, 60_000);
});

/** A lane with several segments, let go. */
async function released(): Promise<{ disk: MemoryDisk; ids: string[]; snapshots: string[] }> {
  const { queue, disk } = await openTestQueue();
  const ids: string[] = [];
  for (let i = 0; i < 16; i += 1) ids.push(await accept(queue, `message ${i}`, Buffer.alloc(1500, `${i} `)));
  await queue.release();
  return { disk, ids, snapshots: await snapshotsOf(disk) };
}

async function reopen(disk: MemoryDisk): Promise<TestQueue & { lines: LogLine[] }> {
  const lines: LogLine[] = [];
  return { ...(await openTestQueue({ disk: disk.reopen(), seed: 2, lines })), lines };
}

describe('snapshots', () => {
  it('are there for each segment that was filled, and for the last one at release', async () => {
    const { disk, snapshots } = await released();
    const [folder] = await lanePaths(disk);
    const segments = (await disk.list(folder!)).filter((name) => name.startsWith('segment.'));
    expect(segments.length).toBeGreaterThan(3);
    expect(snapshots.map((path) => path.replace('snapshot', 'segment'))).toEqual(
      segments.sort().map((name) => `${folder}/${name}`),
    );
  });

  it('are made by the next owner where the last one could not', async () => {
    const { disk, snapshots } = await released();
    for (const path of snapshots) await disk.unlink(path);
    const after = await reopen(disk);
    expect(await snapshotsOf(after.disk)).toEqual(snapshots);
  });

  it('go with their segments', async () => {
    const { disk, ids } = await released();
    const after = await reopen(disk);
    for (const id of ids) await after.queue.settle(id, DELIVERED);
    await settleDown();
    const [folder] = await lanePaths(after.disk);
    const names = await after.disk.list(folder!);
    const numbers = names.flatMap((name) => parseSnapshotName(name) ?? []);
    for (const number of numbers) expect(names).toContain(`segment.${String(number).padStart(10, '0')}`);
    expect(names).not.toContain('segment.0000000001');
  });

  it('that are half written are swept away', async () => {
    const { disk } = await released();
    const [folder] = await lanePaths(disk);
    await disk.create(`${folder}/snapshot.0000000003.1.new`);
    const after = await reopen(disk);
    expect((await after.disk.list(folder!)).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('that can not be written cost nothing but time', async () => {
    const lines: LogLine[] = [];
    const { queue, disk } = await openTestQueue({ lines });
    disk.inject = (step) =>
      step.path.includes('snapshot.') && step.operation === 'sync' ? diskError('EIO', step) : undefined;
    const ids: string[] = [];
    for (let i = 0; i < 16; i += 1) ids.push(await accept(queue, `m${i}`, Buffer.alloc(1500)));
    await queue.release();
    expect(lines.map(({ message }) => message)).toContain('snapshot could not be written');
    expect(await snapshotsOf(disk)).toEqual([]);
    const after = await reopen(disk);
    expect([...after.queue.entries()].map(({ id }) => id)).toEqual(ids);
  });

  const flipped = (at: number) => (bytes: Buffer) =>
    Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));
  const bad: readonly (readonly [string, (bytes: Buffer, other: Buffer) => Buffer])[] = [
    ['with a flipped bit in an entry', flipped(200)],
    ['with a flipped bit in its head', flipped(33)],
    ['that is torn', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['that is empty', () => Buffer.alloc(0)],
    ['of a newer version', flipped(9)],
    ['of another segment', (_, other) => other],
  ];
  it.each(bad)('%s are ignored, and it is said', async (_, change) => {
    const { disk, ids, snapshots } = await released();
    const other = Buffer.from(disk.bytesOf(snapshots[1]!));
    disk.damage(snapshots[0]!, (bytes) => change(bytes, other));
    const after = await reopen(disk);
    expect(after.lines.map(({ message }) => message)).toContain('snapshot ignored');
    expect([...after.queue.entries()].map(({ id }) => id)).toEqual(ids);
    expect(after.queue.counts().damaged).toBe(0);
  });

  it('that reach beyond the seal of their segment are ignored', async () => {
    const { disk, ids, snapshots } = await released();
    const last = snapshots.at(-1)!;
    // The last segment loses its end: what its snapshot says of that no longer counts.
    disk.damage(last.replace('snapshot', 'segment'), (bytes) => bytes.subarray(0, bytes.length - 10));
    const lines: LogLine[] = [];
    const after = await openPatiently({ disk: disk.reopen(), seed: 2, lines });
    expect(lines.map(({ message }) => message)).toContain('snapshot ignored');
    expect([...after.queue.entries()].map(({ id }) => id)).toEqual(ids.slice(0, -1));
  });
});

describe('reasonToIgnore', () => {
  const groupMagic = Buffer.from('magic of');
  const about = { segment: 7, epoch: 1, groupMagic, end: 500, lastGroup: 3 };

  it('goes by number, magic and seal', () => {
    expect(reasonToIgnore(about, 7, groupMagic, 500)).toBeUndefined();
    expect(reasonToIgnore(about, 7, groupMagic, 499)).toContain('beyond');
    expect(reasonToIgnore(about, 7, groupMagic, 501)).toContain('short');
    expect(reasonToIgnore(about, 8, groupMagic, 500)).toContain('another');
    expect(reasonToIgnore(about, 7, Buffer.from('of other'), 500)).toContain('another');
  });
});

describe('damage in a segment that is known by its snapshot', () => {
  async function damagedLane(): Promise<{ disk: MemoryDisk; ids: string[] }> {
    const { disk, ids } = await released();
    const [folder] = await lanePaths(disk);
    disk.damage(`${folder}/segment.0000000001`, flipBitAt('1 1 1 1 '));
    return { disk, ids };
  }

  it('is found when the message is read, which ends there: counted, reported, kept aside', async () => {
    const { disk, ids } = await damagedLane();
    const after = await reopen(disk);
    expect(after.queue.counts().damaged).toBe(0);
    expect(await after.queue.read(ids[1]!)).toBeUndefined();
    expect(after.queue.entry(ids[1]!)).toBeUndefined();
    expect(after.queue.counts()).toMatchObject({ damaged: 1, messages: ids.length - 1 });
    const errors = after.lines.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]!.fields).toMatchObject({ id: ids[1], sender: 'sender.test' });
    const [folder] = await lanePaths(after.disk);
    const [aside] = await after.disk.list(`${folder}/damaged`);
    expect(after.disk.bytesOf(`${folder}/damaged/${aside}`).toString()).toContain('1 1 1 ');
    expect((await contentOf(after.queue, ids[2]!))?.length).toBe(1500);
  });

  it('does not keep compaction from giving its segment back', async () => {
    const { disk, ids } = await damagedLane();
    const after = await reopen(disk);
    for (const [i, id] of ids.entries()) if (i % 5 !== 1) await after.queue.settle(id, DELIVERED);
    for (let i = 0; i < 10; i += 1) {
      const id = await accept(after.queue, 'more', Buffer.alloc(1900));
      await after.queue.settle(id, DELIVERED);
    }
    await settleDown();
    const [folder] = await lanePaths(after.disk);
    expect(await after.disk.list(folder!)).not.toContain('segment.0000000001');
    expect(after.queue.counts().damaged).toBe(1);
    expect(after.queue.entry(ids[6]!)).toBeDefined();
  });
});

describe('a snapshot of many windows', () => {
  const groupMagic = Buffer.from('12345678');
  const header = { lane: 'l', number: 7, epoch: 1, groupMagic, seal: [] };
  const payloadOf = (n: number) => Buffer.alloc(n === 500 ? 3 << 20 : 900 + (n % 300), n % 256);

  async function written(): Promise<{ disk: MemoryDisk; snapshots: Snapshots; ignored: string[] }> {
    const disk = new MemoryDisk();
    await disk.makeDirectory('/l');
    const ignored: string[] = [];
    const log = (_fields: object, message: string) => void ignored.push(message);
    const clock = new TestClock();
    const snapshots = new Snapshots({ disk, clock, folder: '/l', epoch: 1, segmentBytes: 64 << 20, log });
    const builder = snapshots.builder();
    for (let n = 0; n < 3000; n += 1) {
      builder.add({ type: 'dropped', offset: n, length: n + 1, payload: payloadOf(n) });
    }
    await snapshots.write(builder, { segment: 7, groupMagic, end: 60 << 20, lastGroup: 9 });
    return { disk, snapshots, ignored };
  }

  it('gives all entries back as they were, in their order', async () => {
    const { snapshots, ignored } = await written();
    let n = 0;
    const about = await snapshots.replay(header, 60 << 20, ({ type, offset, length, payload }) => {
      expect([type, offset, length]).toEqual(['dropped', n, n + 1]);
      expect(payload.equals(payloadOf(n))).toBe(true);
      n += 1;
    });
    expect(ignored).toEqual([]);
    expect(n).toBe(3000);
    expect(about).toMatchObject({ segment: 7, end: 60 << 20, lastGroup: 9 });
  });

  it('applies nothing where its last window is damaged, or missing', async () => {
    for (const change of [
      (bytes: Buffer) => {
        bytes[bytes.length - 1]! ^= 1;
        return bytes;
      },
      (bytes: Buffer) => bytes.subarray(0, bytes.length - 1),
    ]) {
      const { disk, snapshots, ignored } = await written();
      disk.damage(`/l/${snapshotName(7)}`, change);
      let applied = 0;
      const count = () => {
        applied += 1;
      };
      expect(await snapshots.replay(header, 60 << 20, count)).toBeUndefined();
      expect(applied).toBe(0);
      expect(ignored).toEqual(['snapshot ignored']);
    }
  });
});
