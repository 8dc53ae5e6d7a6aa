import { afterEach, describe, expect, it, vi } from 'vitest';
import { PostriderError, smtpError } from '../errors.ts';
import { idOf, openWorld, ownDomain, type World } from '../testing/flow-world.ts';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** Nothing is delivered: every destination's lookup fails for a while. */
async function open(): Promise<World> {
  const world = await openWorld({
    hops: () => smtpError('dnsTemporary'),
    delivery: { retry: { initialSeconds: 3600, factor: 1, maxSeconds: 3600, jitter: 0 } },
    config: { domains: [ownDomain('ours.test')] },
  });
  worlds.push(world);
  return world;
}

/** A message, once its first attempt has failed. */
async function deferred(world: World, to: string, from?: string): Promise<string> {
  const before = world.attempted.length;
  const id = idOf(await world.accept({ to: [to], ...(from === undefined ? {} : { from }) }));
  await vi.waitFor(() => expect(world.attempted.length).toBeGreaterThan(before));
  return id;
}

const acceptAll = (world: World, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => world.accept({ to: [`bob${n}@a.test`] })));

const stateOf = async (world: World, id: string) =>
  (await world.operations.message(id))?.recipients[0]?.state;

describe('what a person sees', () => {
  it('has a message with its recipients, their state and the last reply', async () => {
    const world = await open();
    const id = await deferred(world, 'bob@a.test', 'anna@sender.test');
    expect(await world.operations.message(id)).toMatchObject({
      id,
      from: 'anna@sender.test',
      recipients: [
        {
          address: 'bob@a.test',
          state: 'deferred',
          destination: 'mx:a.test',
          attempts: 1,
          lastReply: '451 4.4.3 Directory server failure',
        },
      ],
    });
    expect(await world.operations.message('nolane-1')).toBeUndefined();
  });

  it('counts recipients by state, and destinations with their back-off', async () => {
    const world = await open();
    await deferred(world, 'bob@a.test');
    const id = await deferred(world, 'bob@b.test');
    await world.operations.act('hold', [id]);
    const { recipients, destinations, counts } = await world.operations.summary();
    expect(recipients).toEqual({ due: 0, active: 0, deferred: 1, held: 1 });
    expect(counts.messages).toBe(2);
    const a = destinations.find(({ destination }) => destination === 'mx:a.test');
    expect(a).toMatchObject({ messages: 1, lastReply: '451 4.4.3 Directory server failure' });
    expect(a!.backOffUntil).toBeGreaterThan(Date.now());
  });

  it('finds messages by sender, recipient, destination and hold, up to a limit', async () => {
    const world = await open();
    const a = await deferred(world, 'bob@a.test', 'one@sender.test');
    const b = await deferred(world, 'carl@b.test', 'two@sender.test');
    await world.operations.act('hold', [b]);
    const find = async (filter: object) =>
      (await world.operations.messages({ limit: 10, ...filter })).map(({ id }) => id);
    expect(await find({ from: 'ONE@sender.test' })).toEqual([a]);
    expect(await find({ to: 'carl@b.test' })).toEqual([b]);
    expect(await find({ destination: 'mx:a.test' })).toEqual([a]);
    expect(await find({ held: true })).toEqual([b]);
    expect(await find({ held: false })).toEqual([a]);
    expect(await find({ limit: 1 })).toHaveLength(1);
  });

  it('shows the content, as much as is asked for', async () => {
    const world = await open();
    const id = await deferred(world, 'bob@a.test');
    expect((await world.operations.content(id, 1000))?.toString()).toContain('Subject: hello');
    expect((await world.operations.content(id, 9))?.toString()).toBe('Received:');
  });

  it('lists the others where one message is damaged, and can still remove that one', async () => {
    const world = await open();
    const damaged = await deferred(world, 'bob@a.test');
    const sound = await deferred(world, 'bob@b.test');
    const read = world.queue.read.bind(world.queue);
    vi.spyOn(world.queue, 'read').mockImplementation(async (id) => {
      if (id === damaged) throw new PostriderError('QueueDamaged', 'flipped');
      return read(id);
    });
    expect((await world.operations.messages({ limit: 10 })).map(({ id }) => id)).toEqual([sound]);
    expect(await world.operations.act('remove', [damaged])).toBe(1);
    expect(world.ended.map(({ id, outcome }) => [id, outcome])).toEqual([[damaged, 'removed']]);
  });
});

describe('what a person does', () => {
  it('holds and releases, and counts only what it changed', async () => {
    const world = await open();
    const id = await deferred(world, 'bob@a.test');
    expect(await world.operations.act('hold', [id])).toBe(1);
    expect(await world.operations.act('hold', [id])).toBe(0);
    expect(await stateOf(world, id)).toBe('held');
    const before = world.attempted.length;
    expect(await world.operations.act('retry', [id])).toBe(0);
    expect(await world.operations.act('release', [id])).toBe(1);
    await vi.waitFor(() => expect(world.attempted.length).toBe(before + 1));
    expect(await stateOf(world, id)).toBe('deferred');
  });

  it('tries now, though the destination is down', async () => {
    const world = await open();
    const id = await deferred(world, 'bob@a.test');
    expect(await world.operations.act('retry', [id])).toBe(1);
    await vi.waitFor(() => expect(world.attempted).toHaveLength(2));
    expect(world.attempted[1]!.attempts).toBe(2);
  });

  it('removes without a bounce, for good', async () => {
    const world = await open();
    const id = await deferred(world, 'bob@a.test');
    expect(await world.operations.act('remove', [id, 'nolane-1'])).toBe(1);
    expect(world.queue.counts().messages).toBe(0);
    expect(world.ended).toMatchObject([{ id, to: 'bob@a.test', outcome: 'removed', attempts: 1 }]);
    expect(await world.operations.act('remove', [id])).toBe(0);
  });

  it('acts on what a filter names, never on more than its limit', async () => {
    const world = await open();
    for (let n = 0; n < 5; n += 1) await world.accept({ to: [`bob${n}@a.test`] });
    const other = await deferred(world, 'bob@b.test', 'two@sender.test');
    expect(await world.operations.act('remove', { destination: 'mx:a.test', limit: 3 })).toBe(3);
    expect(await world.operations.act('hold', { from: 'two@sender.test', limit: 10 })).toBe(1);
    expect(await stateOf(world, other)).toBe('held');
    expect(await world.operations.act('remove', { limit: 10 })).toBe(3);
    expect(world.queue.counts().messages).toBe(0);
  });

  it('leaves alone what is being moved to another pod, and nobody attempts it meanwhile', async () => {
    const world = await open();
    const id = await deferred(world, 'bob@a.test');
    const other = await deferred(world, 'bob@b.test');
    const there = { member: 'pod-1', lane: 'aaaaaaaaaaaa' };
    const [transfers] = world.queue.transfers();
    await transfers!.hand(there, { messages: 1, bytes: 1e6 }, (entry) => entry.id === id);
    const attempts = world.attempted.length;
    for (const action of ['retry', 'release', 'hold'] as const) {
      expect(await world.operations.act(action, [id])).toBe(0);
    }
    expect(await world.operations.act('remove', { limit: 10 })).toBe(1);
    expect([...world.queue.entries()].map((entry) => entry.id)).toEqual([id]);
    expect(other).not.toBe(id);
    expect(world.attempted.length).toBe(attempts);
  });

  it('leaves alone what arrives while it acts on everything', async () => {
    const world = await open();
    await deferred(world, 'bob@a.test');
    const removing = world.operations.act('remove', { limit: 1000 });
    await world.accept({ to: ['bob@b.test'] });
    expect(await removing).toBe(1);
    expect(world.queue.counts().messages).toBe(1);
  });

  it('acts on many in portions, between which the event loop turns', async () => {
    const world = await open();
    // With the destination down no attempt settles anything meanwhile.
    await deferred(world, 'bob@a.test');
    await acceptAll(world, 1499);
    let atOnce = 0;
    let mostAtOnce = 0;
    let inTurn = 0;
    let mostInTurn = 0;
    const settle = world.queue.settle.bind(world.queue);
    vi.spyOn(world.queue, 'settle').mockImplementation(async (...args) => {
      inTurn += 1;
      mostInTurn = Math.max(mostInTurn, inTurn);
      setImmediate(() => {
        inTurn = 0;
      });
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      return settle(...args).finally(() => {
        atOnce -= 1;
      });
    });
    expect(await world.operations.act('hold', { limit: Number.MAX_SAFE_INTEGER })).toBe(1500);
    expect(mostInTurn).toBeLessThanOrEqual(128);
    // What waits for one sync is more than one portion, and never all of it.
    expect(mostAtOnce).toBeGreaterThan(256);
    expect(mostAtOnce).toBeLessThanOrEqual(1024);
  });

  it('rejects where the disk fails, after the portions that had begun', async () => {
    const world = await open();
    await acceptAll(world, 600);
    let settled = 0;
    const settle = world.queue.settle.bind(world.queue);
    vi.spyOn(world.queue, 'settle').mockImplementation((...args) => {
      settled += 1;
      return settled % 200 === 0 ? Promise.reject(smtpError('leaseLost')) : settle(...args);
    });
    await expect(world.operations.act('hold', { limit: 1000 })).rejects.toMatchObject({ code: 451 });
  });

  it('tries a destination that is down once, whatever number of its messages is to be tried', async () => {
    const world = await open();
    await deferred(world, 'bob@a.test');
    await acceptAll(world, 400);
    const before = world.attempted.length;
    // The attempt begins meanwhile, and its message is left to it.
    expect(await world.operations.act('retry', { limit: 1000 })).toBeGreaterThanOrEqual(400);
    await vi.waitFor(() => expect(world.attempted.length).toBeGreaterThan(before));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(world.attempted.length).toBe(before + 1);
  });
});
