/** What a look at the queue's folder proves, with every kind of thing that may be left in it. */
import { describe, expect, it } from 'vitest';
import { settleDown } from '../../testing/test-clock.ts';
import type { Owner } from '../host.ts';
import { MemoryDisk } from '../testing/memory-disk.ts';
import { accept, DELIVERED, openTestQueue, type TestQueue } from '../testing/test-queue.ts';
import { proofOf } from './proof.ts';
import { lookAtQueue } from './sight.ts';
import { type Verdict, verdictOfOwn, verdictOfShared } from './verdict.ts';

const OURS = 1;
const ours = ({ pid }: Owner) => pid === OURS;
const own = async (disk: MemoryDisk) => verdictOfOwn(await lookAtQueue(disk, '/queue'), ours);
const shared = async (disk: MemoryDisk) => verdictOfShared(await lookAtQueue(disk, '/queue'), ours);
const kinds = ({ left }: Verdict) => left.map(({ kind, where }) => `${kind} ${where}`);

const openOwn = () => openTestQueue({ seed: OURS, config: { mode: 'PerReplica' } });

/** A queue that was left, and its folder. */
async function emptied(): Promise<TestQueue> {
  const test = await openOwn();
  const id = await accept(test.queue, 'one');
  await test.queue.settle(id, DELIVERED);
  test.queue.leave();
  await test.queue.retireEmpty();
  await test.queue.release();
  return test;
}

async function file(disk: MemoryDisk, path: string): Promise<void> {
  await (await disk.create(path)).close();
}

describe('the volume of a pod', () => {
  it('is empty when its lanes are removed, and not before', async () => {
    const test = await openOwn();
    const id = await accept(test.queue, 'one');
    const lane = test.queue.home();
    expect(kinds(await own(test.disk))).toEqual([`lane lanes/${lane}`]);

    await test.queue.settle(id, DELIVERED);
    expect(kinds(await own(test.disk))).toEqual([`lane lanes/${lane}`]);

    test.queue.leave();
    await test.queue.retireEmpty();
    const verdict = await own(test.disk);
    expect(verdict).toMatchObject({ left: [], listed: ['VERSION', 'lanes/', 'released/'] });
    expect(verdict.counts).toEqual({ names: 3, lanes: 0, markers: 0 });
  });

  it('is not empty while somebody else has a lane there', async () => {
    const { disk } = await emptied();
    const other = await openTestQueue({ disk, seed: 2, config: { mode: 'PerReplica' } });
    expect(kinds(await own(disk))).toEqual([`otherOwner lanes/${other.queue.home()}`]);
  });

  it('is not empty with a lane that was let go, or whose owner is not known', async () => {
    const test = await openOwn();
    const lane = test.queue.home();
    await accept(test.queue, 'one');
    await test.queue.release();
    expect(kinds(await own(test.disk))).toEqual([`lane lanes/${lane}`]);
    for (const name of await test.disk.list(`/queue/lanes/${lane}`)) {
      if (name.startsWith('owner.')) await test.disk.unlink(`/queue/lanes/${lane}/${name}`);
    }
    expect(kinds(await own(test.disk))).toEqual([`otherOwner lanes/${lane}`]);
  });

  const folder = '/queue/lanes/aaaaaaaaaaaa';
  const leftovers: [string, (disk: MemoryDisk) => Promise<void>, string][] = [
    [
      'a lane that is being removed',
      async (disk) => {
        await disk.makeDirectory(folder);
        await file(disk, `${folder}/retired`);
      },
      'removal lanes/aaaaaaaaaaaa',
    ],
    [
      'one whose folder is renamed',
      (disk) => disk.makeDirectory(`${folder}.retired`),
      'removal lanes/aaaaaaaaaaaa.retired',
    ],
    [
      'what was damaged',
      (disk) => disk.makeDirectory(`${folder}.damaged`),
      'damaged lanes/aaaaaaaaaaaa.damaged',
    ],
    [
      'segments without a lease',
      async (disk) => {
        await disk.makeDirectory(folder);
        await file(disk, `${folder}/segment.0000000001`);
      },
      'noLease lanes/aaaaaaaaaaaa',
    ],
    [
      'bodies without a lease',
      async (disk) => {
        await disk.makeDirectory(folder);
        await disk.makeDirectory(`${folder}/body`);
        await file(disk, `${folder}/body/1.2`);
      },
      'noLease lanes/aaaaaaaaaaaa',
    ],
    [
      'damaged records without a lease',
      async (disk) => {
        await disk.makeDirectory(folder);
        await disk.makeDirectory(`${folder}/damaged`);
      },
      'noLease lanes/aaaaaaaaaaaa',
    ],
    [
      'files of any name without a lease',
      async (disk) => {
        await disk.makeDirectory(folder);
        await file(disk, `${folder}/snapshot.0000000001`);
      },
      'noLease lanes/aaaaaaaaaaaa',
    ],
    ['a stranger among the lanes', (disk) => file(disk, '/queue/lanes/notes.txt'), 'unknown lanes/notes.txt'],
    ['a stranger among the markers', (disk) => file(disk, '/queue/released/x'), 'unknown released/x'],
    ['a stranger beside them', (disk) => file(disk, '/queue/VERSION.old'), 'unknown VERSION.old'],
    [
      'what fsck has found',
      async (disk) => {
        await disk.makeDirectory('/queue/lost+found');
        await file(disk, '/queue/lost+found/#12');
      },
      'unknown lost+found',
    ],
  ];
  it.each(leftovers)('is not empty with %s', async (_, put, expected) => {
    const { disk } = await emptied();
    await put(disk);
    const verdict = await own(disk);
    expect(kinds(verdict)).toEqual([expected]);
    expect(proofOf(PROVEN, verdict, 0)).toBeUndefined();
  });

  it('is not empty with anything that can not be read', async () => {
    const { disk } = await emptied();
    await disk.makeDirectory(folder);
    await disk.makeDirectory('/queue/lost+found');
    const { list } = disk;
    disk.list = async (path) => {
      if (path === folder || path.endsWith('found')) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return list.call(disk, path);
    };
    expect(kinds(await own(disk))).toEqual(['unreadable lanes/aaaaaaaaaaaa', 'unreadable lost+found']);
  });

  it('is empty with what is no mail: markers, an empty lost+found, a folder that never became a lane', async () => {
    const { disk } = await emptied();
    await file(disk, '/queue/released/aaaaaaaaaaaa.lease.1.a.0.0');
    await file(disk, '/queue/VERSION.abcdefgh');
    await disk.makeDirectory('/queue/lost+found');
    await disk.makeDirectory(folder);
    await disk.makeDirectory(`${folder}/body`);
    expect(await own(disk)).toMatchObject({
      left: [],
      listed: [
        'VERSION',
        'VERSION.abcdefgh',
        'lanes/',
        'released/',
        'released/aaaaaaaaaaaa.lease.1.a.0.0',
        'lanes/aaaaaaaaaaaa/',
        'lost+found/',
      ],
    });
  });

  it('is no proof where there is no queue, or one that can not be read', async () => {
    const disk = new MemoryDisk();
    await disk.makeDirectory('/queue');
    await expect(own(disk)).rejects.toMatchObject({ code: 'QueueUnreachable' });
    const { disk: newer } = await emptied();
    newer.damage('/queue/VERSION', () => Buffer.from('postrider queue 2\n'));
    await expect(own(newer)).rejects.toMatchObject({ code: 'QueueVersionUnsupported' });
  });
});

describe('a shared folder', () => {
  it('has nothing of a pod that has let go, whoever has taken its lanes since', async () => {
    const disk = new MemoryDisk();
    const one = await openTestQueue({ disk, seed: OURS, othersGone: false });
    const lane = one.queue.home();
    await accept(one.queue, 'one');
    const other = await openTestQueue({ disk, seed: 2, othersGone: false });
    expect(kinds(await shared(disk))).toEqual([`lane lanes/${lane}`]);

    await one.queue.release();
    const released = await shared(disk);
    expect(released).toMatchObject({ left: [], counts: { lanes: 2, released: 1, ofOthers: 1 } });
    expect(released.listed).toEqual([expect.stringMatching(`^released/${lane}\\.lease\\.`)]);

    await other.clock.advance(2000);
    await settleDown();
    expect(other.queue.counts()).toMatchObject({ lanes: 2, messages: 1 });
    expect(await shared(disk)).toMatchObject({ left: [], listed: [], counts: { lanes: 2, ofOthers: 2 } });
  });

  it('has a lane of a pod whose process has died without letting go', async () => {
    const disk = new MemoryDisk();
    const one = await openTestQueue({ disk, seed: OURS });
    expect(kinds(await shared(disk.reopen()))).toEqual([`lane lanes/${one.queue.home()}`]);
  });

  it('is in doubt where a lane can not be read, or its owner is not known', async () => {
    const { disk, queue } = await openTestQueue({ seed: 2 });
    const folder = `/queue/lanes/${queue.home()}`;
    const { list } = disk;
    disk.list = async (path) => {
      if (path === folder) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return list.call(disk, path);
    };
    expect(kinds(await shared(disk))).toEqual([`unreadable lanes/${queue.home()}`]);
    disk.list = list;
    for (const name of await disk.list(folder)) {
      if (name.startsWith('owner.')) await disk.unlink(`${folder}/${name}`);
    }
    expect(kinds(await shared(disk))).toEqual([`otherOwner lanes/${queue.home()}`]);
  });

  it('may hold lanes that are being removed, and what is damaged: others look after them', async () => {
    const { disk } = await openTestQueue({ seed: 2 });
    for (const name of ['aaaaaaaaaaaa.retired', 'bbbbbbbbbbbb.damaged', 'cccccccccccc']) {
      await disk.makeDirectory(`/queue/lanes/${name}`);
    }
    await disk.makeDirectory('/queue/lanes/dddddddddddd');
    await file(disk, '/queue/lanes/dddddddddddd/retired');
    expect(kinds(await shared(disk))).toEqual([]);
    await file(disk, '/queue/lanes/cccccccccccc/segment.0000000001');
    expect(kinds(await shared(disk))).toEqual(['noLease lanes/cccccccccccc']);
  });

  it('is looked at again where a listing was made during a rename', async () => {
    const { disk, queue } = await openTestQueue({ seed: OURS });
    const folder = `/queue/lanes/${queue.home()}`;
    const { list } = disk;
    let looks = 0;
    disk.list = async (path) => {
      const names = await list.call(disk, path);
      if (path !== folder) return names;
      looks += 1;
      return looks === 1 ? names.filter((name) => !name.startsWith('lease.')) : names;
    };
    expect(kinds(await shared(disk))).toEqual([`lane lanes/${queue.home()}`]);
  });
});

const PROVEN = {
  pod: 'mta-2',
  fleet: 'mail/mta',
  revision: 7,
  claim: 'empty',
  queue: { path: '/queue', id: 'abc' },
} as const;

describe('a proof', () => {
  const verdict = { left: [], listed: ['VERSION', 'lanes/', 'released/'], counts: { names: 3 } };
  const digest = (more: object, of: Verdict = verdict, at = 0) =>
    proofOf({ ...PROVEN, ...more }, of, at)?.digest;

  it('says what was proven, when, and what was there', () => {
    expect(proofOf(PROVEN, verdict, Date.parse('2026-11-22T21:00:00Z'))).toEqual({
      at: '2026-11-22T21:00:00.000Z',
      ...PROVEN,
      listed: { names: verdict.listed, counts: verdict.counts },
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });

  it('has a digest that is the same for as long as the rest is', () => {
    expect(digest({}, verdict, 5)).toBe(digest({}));
    const others = [
      digest({ pod: 'mta-1' }),
      digest({ revision: 8 }),
      digest({ claim: 'released' }),
      digest({ queue: { path: '/queue', id: 'abd' } }),
      digest({}, { ...verdict, listed: ['VERSION'] }),
      digest({}, { ...verdict, counts: { names: 4 } }),
    ];
    expect(new Set([...others, digest({})]).size).toBe(others.length + 1);
  });

  it('shows a thousand names, and has counted them all', () => {
    const listed = Array.from({ length: 1500 }, (_, n) => `released/${n}`);
    const proof = proofOf(PROVEN, { ...verdict, listed }, 0);
    expect(proof?.listed.names).toHaveLength(1000);
    expect(proof?.digest).not.toBe(digest({}, { ...verdict, listed: listed.slice(0, 1000) }));
  });
});

it('a queue has an id, which stays', async () => {
  const { disk } = await emptied();
  const { id } = await lookAtQueue(disk, '/queue');
  expect(id).toMatch(/^[a-z2-7]{8}$/);
  await openTestQueue({ disk, seed: 3 });
  expect(await lookAtQueue(disk, '/queue')).toMatchObject({ id });
  disk.damage('/queue/VERSION', () => Buffer.from('postrider queue 1\n'));
  expect(await lookAtQueue(disk, '/queue')).toMatchObject({ id: undefined });
});
