/** A drain from its beginning to its proof. */
import { describe, expect, it } from 'vitest';
import type { DrainStatus } from '../control/drain-types.ts';
import { PostriderError } from '../errors.ts';
import { diskError } from '../queue/testing/memory-disk.ts';
import { openTestQueue } from '../queue/testing/test-queue.ts';
import { settleDown } from '../testing/test-clock.ts';
import { HANDED, world } from './testing/drain-world.ts';

const proofIn = (status: DrainStatus) => (status.state === 'drained' ? status.proof : undefined);
const kindsIn = (status: DrainStatus) =>
  status.state === 'draining' ? status.left.map(({ kind }) => kind) : undefined;

it('asks nothing of anybody before it is begun', async () => {
  const { drain, duties } = await world();
  expect(await drain.status()).toEqual({ state: 'notDraining' });
  expect(await drain.cancel()).toEqual({ state: 'notDraining' });
  expect(duties).toEqual([]);
});

it('is proven when the lanes are gone and the workers have ended, once and for all who ask', async () => {
  const { drain, duties, leave, queue } = await world();
  const begun = await drain.start();
  expect(begun).toMatchObject({
    state: 'draining',
    mode: 'PerReplica',
    since: expect.stringMatching(/^2023-/),
    messages: 0,
    lanes: [{ id: queue.home(), messages: 0, bytes: 0 }],
    moved: { messages: 3, bytes: 30 },
  });
  await drain.start();
  expect(duties).toEqual(['leave']);

  await leave();
  const [one, other] = await Promise.all([drain.status(), drain.status()]);
  expect(duties).toEqual(['leave', 'rest', 'pass on']);
  expect(proofIn(one)).toMatchObject({
    pod: 'mta-1',
    fleet: 'mail/mta',
    revision: 1,
    claim: 'empty',
    queue: { path: '/queue', id: expect.any(String) },
    listed: { names: ['VERSION', 'lanes/', 'released/'] },
  });
  expect(other).toEqual(one);
  expect(proofIn(await drain.status())?.digest).toBe(proofIn(one)?.digest);
});

it('comes to rest by itself, whoever asks', async () => {
  const { drain, duties, leave, clock } = await world();
  await drain.start();
  await leave();
  await clock.advance(2500);
  await settleDown();
  expect(duties).toEqual(['leave', 'rest', 'pass on']);
});

it('is not proven while a batch hangs on a member, though the folder is empty', async () => {
  const { drain, duties, leave, state } = await world();
  await drain.start();
  await leave();
  for (const more of [
    { pinned: [{ member: 'b', lane: 'l', batch: 'x', messages: 2 }] },
    { owed: [{ member: 'b', lane: 'l', batch: 'x' }] },
  ]) {
    state.handOver = { ...HANDED, ...more };
    expect(await drain.status()).toMatchObject({ state: 'draining', ...more });
  }
  expect(duties).toEqual(['leave']);
});

it('is not proven while a worker does not answer', async () => {
  const { drain, leave, state, clock } = await world();
  await drain.start();
  await leave();
  state.answers = false;
  const status = drain.status();
  await clock.advance(11_000);
  expect(await status).toMatchObject({ state: 'draining', problems: [{ subject: 'this pod' }] });
});

it('waits for nothing but mail: what else would go with the volume goes to others, if they take it', async () => {
  const { drain, duties, leave, state, clock } = await world();
  await drain.start();
  await leave();
  state.onPassOn = () => Promise.reject(new Error('EIO'));
  expect((await drain.status()).state).toBe('drained');
  await drain.cancel();
  state.onPassOn = () => new Promise(() => {});
  const status = drain.start();
  await settleDown();
  await clock.advance(11_000);
  expect((await status).state).toBe('drained');
  expect(duties.filter((duty) => duty === 'pass on')).toHaveLength(2);
});

it('says what is left on the volume, and where, when the workers hold nothing', async () => {
  const { drain, disk, duties, leave } = await world();
  await drain.start();
  await leave();
  await disk.makeDirectory('/queue/lanes/aaaaaaaaaaaa.damaged');
  expect(await drain.status()).toMatchObject({
    state: 'draining',
    left: [{ kind: 'damaged', where: 'lanes/aaaaaaaaaaaa.damaged' }],
  });
  await disk.removeDirectory('/queue/lanes/aaaaaaaaaaaa.damaged');
  expect((await drain.status()).state).toBe('drained');
  expect(duties).toEqual(['leave', 'rest', 'pass on']);
});

it('looks again when the workers have ended, and has them begin again where something came in between', async () => {
  const { drain, disk, duties, leave, state, file } = await world();
  await drain.start();
  await leave();
  state.onRest = async () => {
    await disk.makeDirectory('/queue/lanes/aaaaaaaaaaaa');
    await file('/queue/lanes/aaaaaaaaaaaa/lease.1.a.0.0');
  };
  expect(kindsIn(await drain.status())).toEqual(['otherOwner']);
  expect(duties).toEqual(['leave', 'rest', 'pass on', 'leave']);
  state.onRest = async () => {};
  await disk.unlink('/queue/lanes/aaaaaaaaaaaa/lease.1.a.0.0');
  expect((await drain.status()).state).toBe('drained');
});

it('is void when something appears later; what is for a person wakes no worker', async () => {
  const { drain, duties, leave, file, disk } = await world();
  await drain.start();
  await leave();
  expect((await drain.status()).state).toBe('drained');
  await file('/queue/notes.txt');
  expect(kindsIn(await drain.status())).toEqual(['unknown']);
  expect(duties).toEqual(['leave', 'rest', 'pass on']);
  await disk.unlink('/queue/notes.txt');
  expect((await drain.status()).state).toBe('drained');
});

it('gives no proof of a volume that can not be read, or that does not answer, and says so', async () => {
  const { drain, disk, leave, clock } = await world();
  await drain.start();
  await leave();
  expect((await drain.status()).state).toBe('drained');
  const { list } = disk;
  disk.list = () => Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));
  expect(await drain.status()).toMatchObject({
    state: 'draining',
    left: [{ what: expect.stringContaining('EIO') }],
  });

  let answer = () => {};
  disk.list = (path) =>
    new Promise((resolve) => {
      answer = () => resolve(list.call(disk, path));
    });
  const hanging = drain.status();
  await settleDown();
  await clock.advance(21_000);
  expect(kindsIn(await hanging)).toEqual(['unreadable']);
  expect(kindsIn(await drain.status())).toEqual(['unreadable']);
  disk.list = list;
  answer();
  await settleDown();
  expect((await drain.status()).state).toBe('drained');
});

it('takes no other queue for its own, and no empty mount point for an empty volume', async () => {
  const { drain, disk, leave } = await world();
  await drain.identify();
  await drain.start();
  await leave();
  disk.damage('/queue/VERSION', () => Buffer.from('postrider queue 1\nid another7\n'));
  expect(kindsIn(await drain.status())).toEqual(['otherQueue']);
  await disk.unlink('/queue/VERSION');
  expect(await drain.status()).toMatchObject({
    left: [{ what: expect.stringContaining('may not be mounted') }],
  });
});

it('serves again when it is cancelled, before the proof and after', async () => {
  const { drain, duties, leave } = await world();
  await drain.start();
  expect(await drain.cancel()).toEqual({ state: 'notDraining' });
  expect(duties).toEqual(['leave', 'serve']);
  await drain.start();
  await leave();
  expect((await drain.status()).state).toBe('drained');
  await drain.cancel();
  expect(duties).toEqual(['leave', 'serve', 'leave', 'rest', 'pass on', 'serve']);
  expect(await drain.status()).toEqual({ state: 'notDraining' });
});

it('is not drained by a look that began before it was cancelled', async () => {
  const { drain, leave, state } = await world();
  await drain.start();
  await leave();
  let ended = () => {};
  state.onRest = () =>
    new Promise((resolve) => {
      ended = resolve;
    });
  const status = drain.status();
  await settleDown();
  expect(state.duty).toBe('rest');
  await drain.cancel();
  ended();
  expect(await status).toEqual({ state: 'notDraining' });
});

it('proves of a shared folder that this pod’s lanes are let go', async () => {
  const { drain, queue } = await world({ mode: 'Shared' });
  const lane = queue.home();
  expect(await drain.start()).toMatchObject({ state: 'draining', mode: 'Shared', lanes: [{ id: lane }] });
  await queue.release();
  expect(proofIn(await drain.status())).toMatchObject({
    claim: 'released',
    listed: {
      names: [expect.stringMatching(`^released/${lane}\\.`)],
      counts: { lanes: 1, released: 1, ofOthers: 0 },
    },
  });
});

it('gives up a member on which something hangs, with its price, and nobody that nobody knows', async () => {
  const { drain, state } = await world();
  await expect(drain.giveUp('b')).rejects.toMatchObject({ code: 'NoSuchResource' });
  state.handOver = { ...HANDED, pinned: [{ member: 'b', lane: 'l', batch: 'x', messages: 2 }] };
  expect(await drain.giveUp('b')).toEqual({
    member: 'b',
    freed: 1,
    price: expect.stringContaining('delivered twice'),
  });
  expect(state.givenUp).toEqual(['b']);
});

it('gives nobody up where nothing is handed over', async () => {
  const { drain } = await world({ mode: 'Shared' });
  const refused = await drain.giveUp('b').catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(PostriderError);
  expect(refused).toMatchObject({ code: 'UsageError' });
});

describe('that a volume is being emptied', () => {
  it('is remembered on it: the next life goes on, and takes nothing', async () => {
    const { drain, life, duties, leave, state } = await world();
    await drain.start();
    state.duty = 'serve';
    const next = life();
    await next.resume();
    expect(duties).toEqual(['leave', 'leave']);
    expect(state.keepLanes).toBe(true);
    await leave();
    expect((await next.status()).state).toBe('drained');
  });

  it('is not begun where the volume takes no note of it', async () => {
    const { drain, disk, duties } = await world();
    disk.inject = (step) => (step.operation === 'create' ? diskError('EIO', step) : undefined);
    await expect(drain.start()).rejects.toMatchObject({ code: 'QueueUnreachable' });
    expect(duties).toEqual([]);
    expect(await drain.status()).toEqual({ state: 'notDraining' });
    disk.inject = () => undefined;
    expect((await drain.start()).state).toBe('draining');
  });

  it('is over when it is cancelled, for the next life too', async () => {
    const { drain, life, duties } = await world();
    await drain.start();
    await drain.cancel();
    await life().resume();
    expect(duties).toEqual(['leave', 'serve']);
  });

  it('is waited for where the volume does not answer', async () => {
    const { drain, life, duties, disk, clock } = await world();
    await drain.start();
    disk.inject = (step) => (step.path.includes('leaving') ? diskError('EIO', step) : undefined);
    const resumed = life().resume();
    await settleDown();
    disk.inject = () => undefined;
    await clock.advance(2000);
    await resumed;
    expect(duties).toEqual(['leave', 'leave']);
  });
});

describe('a folder that several pods share', () => {
  it('is let go of, and nothing is remembered', async () => {
    const { drain, life, duties, state } = await world({ mode: 'Shared' });
    expect(await drain.start()).toMatchObject({ claim: 'released' });
    expect(state.keepLanes).toBe(false);
    await life().resume();
    expect(duties).toEqual(['leave']);
  });

  it('is emptied where that is asked for: no lane may be there, whosever it is', async () => {
    const { drain, state, leave, disk } = await world({ mode: 'Shared' });
    expect(await drain.start('empty')).toMatchObject({ claim: 'empty', state: 'draining' });
    expect(state.keepLanes).toBe(true);
    const other = await openTestQueue({ disk, seed: 2, othersGone: false });
    await leave();
    expect(kindsIn(await drain.status())).toEqual(['otherOwner']);
    other.queue.leave();
    await other.queue.retireEmpty();
    expect(proofIn(await drain.status())).toMatchObject({ claim: 'empty' });
  });

  it('is not left in two ways at once', async () => {
    const { drain } = await world({ mode: 'Shared' });
    await drain.start();
    await expect(drain.start('empty')).rejects.toMatchObject({ code: 'UsageError' });
    await drain.cancel();
    expect(await drain.start('empty')).toMatchObject({ claim: 'empty' });
  });
});

it('can not be let go of where nobody else sees the volume', async () => {
  const { drain, duties } = await world();
  await expect(drain.start('released')).rejects.toMatchObject({ code: 'UsageError' });
  expect(duties).toEqual([]);
});
