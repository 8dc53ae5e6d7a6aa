import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seeded.ts';
import { TestClock } from '../../testing/test-clock.ts';
import { accept, DELIVERED, openTestQueue, type TestQueue } from '../testing/test-queue.ts';
import type { QueueEntry } from '../types.ts';
import { HandOver } from './hand-over.ts';
import type { Peers } from './peer.ts';
import { Receptions } from './receptions.ts';

const clock = new TestClock();

interface Net {
  readonly peers: Peers;
  /** Members that don't answer. */
  readonly silent: Set<string>;
}

/** Members by name, each with a queue of its own. */
function connect(members: ReadonlyMap<string, Receptions>): Net {
  const silent = new Set<string>();
  const at = (member: string): Receptions => {
    const found = members.get(member);
    if (!found || silent.has(member)) throw new Error('no answer');
    return found;
  };
  return {
    silent,
    peers: {
      members: async () => [...members.keys()],
      lanes: async (member) => [at(member).lane()].filter((lane) => lane !== undefined),
      open: async ({ member, lane }, batch) => at(member).open(lane, batch, 'here'),
      async send({ member }, batch, session, frames) {
        for await (const chunk of frames) await at(member).write(batch, session, chunk);
        return at(member).finish(batch, session);
      },
      done: async ({ member, lane }, batch, session) => at(member).done(lane, batch, session),
    },
  };
}

async function member(seed: number): Promise<{ test: TestQueue; receptions: Receptions }> {
  const test = await openTestQueue({ clock, seed });
  return {
    test,
    receptions: new Receptions({ queue: test.queue, random: seeded(seed + 50), onTaken: () => {} }),
  };
}

async function world(mayMove: (entry: QueueEntry) => boolean = () => true) {
  const [here, one, two] = [await openTestQueue({ clock, seed: 1 }), await member(2), await member(3)];
  const net = connect(
    new Map([
      ['one', one.receptions],
      ['two', two.receptions],
    ]),
  );
  const handOver = new HandOver({
    queue: here.queue,
    peers: net.peers,
    clock,
    random: seeded(9),
    mayMove,
    onMoved: () => {},
    log: { warn: () => {} },
  });
  const total = () => [here, one.test, two.test].reduce((sum, { queue }) => sum + queue.counts().messages, 0);
  return { here, one, two, net, handOver, total };
}

async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i += 1) await clock.advance(1000);
}

describe('a pod that leaves', () => {
  it('gives everything to its peers and keeps nothing', async () => {
    const { here, handOver, total } = await world();
    await Promise.all(Array.from({ length: 600 }, (_, i) => accept(here.queue, `m${i}`)));
    handOver.leave();
    await pass(10);
    expect(handOver.status()).toMatchObject({ messages: 0, lanes: 0, moved: { messages: 600 }, pinned: [] });
    expect(total()).toBe(600);
    expect(await here.disk.list('/queue/lanes')).toEqual([]);
  });

  it('lets what is being attempted end first', async () => {
    let attempted: string | undefined;
    const { here, handOver } = await world(({ id }) => id !== attempted);
    attempted = await accept(here.queue, 'attempted');
    await accept(here.queue, 'other');
    handOver.leave();
    await pass(5);
    expect(handOver.status()).toMatchObject({ messages: 1, moved: { messages: 1 } });
    await here.queue.settle(attempted, DELIVERED);
    await pass(5);
    expect(handOver.status()).toMatchObject({ messages: 0, lanes: 0 });
  });

  it('leaves what a silent peer may have to that peer, and gives the rest to others', async () => {
    const { here, two, net, handOver, total } = await world();
    const [transfers] = here.queue.transfers();
    await accept(here.queue, 'pinned');
    await transfers!.hand({ member: 'one', lane: 'aaaaaaaaaaaa' }, { messages: 9, bytes: 1e6 }, () => true);
    net.silent.add('one');
    await accept(here.queue, 'free');
    handOver.leave();
    await pass(20);
    expect(two.test.queue.counts().messages).toBe(1);
    const { pinned, problems, lanes } = handOver.status();
    expect(pinned).toMatchObject([{ member: 'one', messages: 1 }]);
    expect(problems).toMatchObject([{ subject: 'one', reason: 'no answer' }]);
    expect(lanes).toBe(1);
    expect(total()).toBe(2);
  });

  it('frees what was pinned when a person says that the peer is gone for good', async () => {
    const { here, two, net, handOver } = await world();
    const [transfers] = here.queue.transfers();
    await accept(here.queue, 'pinned');
    await transfers!.hand({ member: 'one', lane: 'aaaaaaaaaaaa' }, { messages: 9, bytes: 1e6 }, () => true);
    net.silent.add('one');
    handOver.leave();
    await pass(5);
    expect(await handOver.giveUp('one')).toBe(1);
    await pass(5);
    expect(two.test.queue.counts().messages).toBe(1);
    expect(handOver.status()).toMatchObject({ lanes: 0, pinned: [] });
  });

  it('goes to no peer that leaves itself', async () => {
    const { here, one, two, handOver } = await world();
    one.test.queue.leave();
    await accept(here.queue, 'm');
    handOver.leave();
    await pass(5);
    expect([one.test.queue.counts().messages, two.test.queue.counts().messages]).toEqual([0, 1]);
  });

  it('keeps a message that can not be read, and moves the others of its batch', async () => {
    const { here, handOver } = await world();
    const bad = await accept(here.queue, 'bad', Buffer.alloc(5000));
    await accept(here.queue, 'good');
    here.disk.inject = ({ operation, path }) =>
      operation === 'read' && path.includes('/body/')
        ? Object.assign(new Error('EIO'), { code: 'EIO' })
        : undefined;
    handOver.leave();
    await pass(20);
    const { messages, problems } = handOver.status();
    expect(messages).toBe(1);
    expect(problems.find(({ subject }) => subject === bad)?.reason).toMatch(/can't be read/);
  });
});

describe('a pod that stays', () => {
  it('finishes what was begun, and gives nothing away', async () => {
    const { here, one, handOver } = await world();
    const [transfers] = here.queue.transfers();
    const id = await accept(here.queue, 'begun');
    const lane = one.test.queue.home()!;
    await transfers!.hand({ member: 'one', lane }, { messages: 9, bytes: 1e6 }, () => true);
    handOver.start();
    await pass(3);
    expect(handOver.status()).toMatchObject({ messages: 1, pinned: [], moved: { messages: 0 } });
    expect(here.queue.entry(id)?.jobs[0]?.held).toBeUndefined();
  });
});
