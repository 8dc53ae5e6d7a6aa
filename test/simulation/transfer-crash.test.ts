/**
 * Messages move from one pod's queue to another's, and either machine stops at every step, or the connection does at
 * every call: afterwards each message is in exactly one of the two queues, once, as it was. The queue's own code on two
 * disks in memory; `POSTRIDER_SEED=n` replays the choices of a seed.
 */
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PostriderError } from '../../mta/errors.ts';
import { MemoryDisk } from '../../mta/queue/testing/memory-disk.ts';
import {
  contentOf,
  DELIVERED,
  envelopeOf,
  jobFor,
  openTestQueue,
  type TestQueue,
} from '../../mta/queue/testing/test-queue.ts';
import type { Receiver } from '../../mta/queue/transfer/facts.ts';
import { HandOver } from '../../mta/queue/transfer/hand-over.ts';
import type { Peers } from '../../mta/queue/transfer/peer.ts';
import { Receptions } from '../../mta/queue/transfer/receptions.ts';
import type { Job, QueueId } from '../../mta/queue/types.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { TestClock } from '../../mta/testing/test-clock.ts';

const SEED = Number(process.env.POSTRIDER_SEED ?? 1);
const HISTORIES = Number(process.env.POSTRIDER_HISTORIES ?? 100);
/** New ones each time, unless one is given. */
const FIRST = Number(process.env.POSTRIDER_SEED ?? randomInt(1_000_000_000));

interface Original {
  readonly jobs: readonly Job[];
  readonly content: Buffer;
}

/** Schedules of every kind, small messages and a large one. */
const JOBS: readonly Partial<Job>[] = [
  {},
  {
    attempts: 3,
    dueAt: 1_800_000_000_123,
    lastReply: { code: 451, enhanced: '4.4.1', text: 'later', remote: 'mx' },
  },
  { attempts: 7, dueAt: 1_700_000_000_001, delayWarned: true },
  { held: true, dueAt: 1_900_000_000_000 },
  { attempts: 1, dueAt: 1_750_000_000_777 },
  { attempts: 2, dueAt: 1_750_000_000_778 },
];

async function fill({ queue }: TestQueue): Promise<Map<QueueId, Original>> {
  const originals = new Map<QueueId, Original>();
  for (const [i, more] of JOBS.entries()) {
    const content = Buffer.alloc(i === 2 ? 5000 : 40 + i, `content ${i} `);
    const jobs = [jobFor([0], more), jobFor([1], { ...more, destination: 'mx:other.test' })];
    const draft = queue.draft();
    for (let at = 0; at < content.length; at += 700) await draft.write(content.subarray(at, at + 700));
    await draft.commit({ ...envelopeOf(`m${i}`, 2), ret: 'HDRS', envid: `e${i}` }, jobs);
    originals.set(draft.id, { jobs, content });
  }
  return originals;
}

/** The receiver, and what is known of what has come to it: over all of its lives. */
interface Pod {
  readonly test: TestQueue;
  readonly receptions: Receptions;
}

class World {
  readonly clock = new TestClock();
  /** Ids that each message has had at the receiver. */
  readonly arrivals = new Map<QueueId, Set<QueueId>>();
  /** Those whose delivery has been tried: they may be gone. */
  readonly delivered = new Set<QueueId>();
  readonly there: { pod: Pod | undefined; disk: MemoryDisk } = { pod: undefined, disk: new MemoryDisk() };
  calls = 0;
  /** The call that is lost on its way, and whether before or after it was done. */
  lost: { readonly call: number; readonly before: boolean } | undefined;

  async openReceiver(disk: MemoryDisk, seed: number): Promise<void> {
    this.there.disk = disk;
    this.there.pod = undefined;
    const test = await openTestQueue({ disk, clock: this.clock, seed });
    const receptions = new Receptions({
      queue: test.queue,
      random: seeded(seed + 7),
      onTaken: () => undefined,
    });
    const note = async (id: QueueId) => {
      const message = await test.queue.read(id);
      const first = message?.envelope.firstId;
      if (message === undefined || first === undefined) return;
      const ids = this.arrivals.get(first) ?? new Set();
      this.arrivals.set(first, ids.add(id));
      // Some are delivered as soon as they come: what remains is the key alone.
      if (message.content.size % 2 === 0) {
        const [one, two] = [DELIVERED.ended[0]!, { ...DELIVERED.ended[0]!, recipient: 1 }];
        this.delivered.add(first);
        await test.queue.settle(id, { ended: [one, two], deferred: [] });
      }
    };
    test.queue.onArrival(({ id }) => void note(id).catch(() => undefined));
    for (const { id } of [...test.queue.entries()]) await note(id);
    this.there.pod = { test, receptions };
  }

  /** The network: a call is lost where the receiver stops, and where the test says so. */
  peers(): Peers {
    const call = async <T>(run: (pod: Pod) => Promise<T>): Promise<T> => {
      this.calls += 1;
      const lost = this.lost?.call === this.calls ? this.lost : undefined;
      if (lost?.before) throw new Error('connection lost');
      const { pod, disk } = this.there;
      if (!pod) throw new Error('connection refused');
      const down = disk.stopped.then((): never => {
        throw new Error('connection lost');
      });
      const answer = await Promise.race([run(pod), down]);
      if (lost) throw new Error('connection lost');
      return answer;
    };
    const inLane = async <T>({ lane }: Receiver, pod: Pod, run: () => Promise<T>): Promise<T> => {
      const there = pod.test.queue.transfers().some((transfers) => transfers.lane === lane);
      if (!there && !(await pod.test.disk.exists(`/queue/lanes/${lane}`))) {
        throw new PostriderError('LaneGone', 'the lane is no more');
      }
      return run();
    };
    return {
      members: async () => ['there'],
      lanes: () => call(async ({ receptions }) => [receptions.lane()].filter((lane) => lane !== undefined)),
      open: (receiver, batch) =>
        call((pod) => inLane(receiver, pod, () => pod.receptions.open(receiver.lane, batch, 'here'))),
      send: async (_receiver, batch, session, frames) => {
        for await (const chunk of frames) {
          await call(({ receptions }) => receptions.write(batch, session, chunk));
        }
        return call(({ receptions }) => receptions.finish(batch, session));
      },
      done: (receiver, batch, session) =>
        call((pod) => inLane(receiver, pod, () => pod.receptions.done(receiver.lane, batch, session))),
    };
  }

  handOver(test: TestQueue, seed: number): HandOver {
    return new HandOver({
      queue: test.queue,
      peers: this.peers(),
      clock: this.clock,
      random: seeded(seed + 13),
      mayMove: () => true,
      onMoved: () => undefined,
      log: { warn: () => undefined },
    });
  }
}

/** Stops the machine after so many more steps of its disk. */
function arm(disk: MemoryDisk, steps: number | undefined): void {
  disk.stopAfter = disk.steps.length + (steps ?? Number.POSITIVE_INFINITY);
}

/** The process alone has died, or the machine with it. */
const revived = (disk: MemoryDisk, fraction: () => number): MemoryDisk =>
  fraction() < 0.5 ? disk.reopen() : disk.restart(fraction);

/** Lanes that were made: one whose maker died before its first sync may have no lease, and never had mail. */
async function lanesOf(disk: MemoryDisk): Promise<string[]> {
  const found: string[] = [];
  for (const lane of await disk.list('/queue/lanes')) {
    if ((await disk.list(`/queue/lanes/${lane}`)).some((name) => name.startsWith('lease.'))) found.push(lane);
  }
  return found;
}

/** Undefined where the machine stops before. */
function untilDown<T>(disk: MemoryDisk, done: Promise<T>): Promise<T | undefined> {
  return Promise.race([done, disk.stopped.then(() => undefined)]);
}

interface Plan {
  readonly seed: number;
  readonly stopHere?: number;
  readonly stopThere?: number;
  readonly lost?: World['lost'];
  /** The sender doesn't leave any more when it has started again. */
  readonly cancelled?: boolean;
  /** How often each machine stops again, at a random step of each life. */
  readonly again?: number;
}

/** False where the plan's fault never came. */
async function move(plan: Plan): Promise<boolean> {
  const { seed } = plan;
  const { fraction } = seeded(seed * 7919 + (plan.stopHere ?? 0) + (plan.stopThere ?? 0));
  const where = JSON.stringify(plan);
  const world = new World();
  const disk = new MemoryDisk();
  let here = await openTestQueue({ disk, clock: world.clock, seed: seed + 100 });
  const originals = await fill(here);
  await world.openReceiver(new MemoryDisk(), seed + 200);
  /** Each machine's disk, and how often it may still stop. */
  const stops = { here: plan.again ?? 0, there: plan.again ?? 0 };
  let senderDisk = disk;
  arm(disk, plan.stopHere);
  arm(world.there.disk, plan.stopThere);
  const [firstHere, firstThere] = [disk, world.there.disk];
  world.lost = plan.lost;
  let handOver = world.handOver(here, seed);
  handOver.leave();
  let stays = false;
  let lives = 0;
  const revive = async (steps?: number): Promise<void> => {
    if (!world.there.disk.down) return arm(world.there.disk, undefined);
    const after = revived(world.there.disk, fraction);
    arm(after, steps);
    await untilDown(after, world.openReceiver(after, seed + 1_000_000 * ++lives));
  };
  for (let seconds = 0; seconds < 300; seconds += 1) {
    await world.clock.advance(1000);
    if (world.there.disk.down) await revive(stops.there-- > 0 ? Math.floor(fraction() * 80) : undefined);
    if (senderDisk.down) {
      senderDisk = revived(senderDisk, fraction);
      if (stops.here-- > 0) arm(senderDisk, Math.floor(fraction() * 80));
      const opened = await untilDown(
        senderDisk,
        openTestQueue({ disk: senderDisk, clock: world.clock, seed: seed + 1_000_000 * ++lives }),
      );
      if (!opened) continue;
      here = opened;
      handOver = world.handOver(here, seed + 1);
      stays = plan.cancelled === true;
      if (stays) handOver.start();
      else handOver.leave();
    }
    if (senderDisk.down || world.there.disk.down) continue;
    const { pinned } = handOver.status();
    // A lane that was not adopted yet is no memory's to know of.
    const lanes = await lanesOf(senderDisk);
    const settled = pinned.length === 0 && here.queue.lanes().length >= lanes.length;
    if (stays ? settled && seconds > 40 : lanes.length === 0) break;
  }
  // That the sender's machine was to stop once more would take what it holds from its memory.
  arm(senderDisk, undefined);
  // What the receiver has may lie in a lane of one of its former lives.
  await revive();
  const { queue } = world.there.pod!.test;
  const lanesThere = (await lanesOf(world.there.disk)).length;
  for (let i = 0; i < 60 && queue.lanes().length < lanesThere; i += 1) await world.clock.advance(1000);
  await check(world, here, originals, plan, where);
  return plan.lost ? world.calls >= plan.lost.call : firstHere.down || firstThere.down;
}

async function check(
  world: World,
  here: TestQueue,
  originals: ReadonlyMap<QueueId, Original>,
  plan: Plan,
  where: string,
): Promise<void> {
  const there = world.there.pod!.test;
  if (!plan.cancelled) expect(await lanesOf(here.disk), `${where}: nothing is left`).toEqual([]);
  for (const [id, { jobs, content }] of originals) {
    const ids = [...(world.arrivals.get(id) ?? [])];
    const stayed = here.queue.entry(id);
    expect(ids.length + (stayed ? 1 : 0), `${where}: ${id} is somewhere, once`).toBe(1);
    const holder = stayed ? here.queue : there.queue;
    const now = stayed ? id : ids[0]!;
    if (!stayed && world.delivered.has(id) && !there.queue.entry(now)) continue;
    expect(holder.entry(now)?.jobs, `${where}: schedule of ${id}`).toEqual(jobs);
    expect((await contentOf(holder, now))?.equals(content), `${where}: content of ${id}`).toBe(true);
    const { envelope } = (await holder.read(now))!;
    expect(envelope, where).toMatchObject({ ret: 'HDRS', recipients: [{}, {}] });
    expect(envelope.arrivedAt, where).toBe(1_700_000_000_000);
  }
  const receptions = there.queue.transfers().flatMap((transfers) => transfers.receptions());
  expect(receptions, `${where}: no key is kept for longer than it is needed`).toEqual([]);
}

/** With more steps each time, until the fault comes too late. */
async function everywhere(plan: (step: number) => Plan): Promise<number> {
  let step = 0;
  while (await move(plan(step))) step += 1;
  return step;
}

describe('messages that move between pods', () => {
  it('are there once where the sender stops at any step', async () => {
    expect(await everywhere((stopHere) => ({ seed: SEED, stopHere }))).toBeGreaterThan(10);
  }, 120_000);

  it('are in one of both queues where the sender stops at any step, and then stays', async () => {
    expect(await everywhere((stopHere) => ({ seed: SEED + 1, stopHere, cancelled: true }))).toBeGreaterThan(
      10,
    );
  }, 120_000);

  it('are there once where the receiver stops at any step', async () => {
    expect(await everywhere((stopThere) => ({ seed: SEED + 2, stopThere }))).toBeGreaterThan(10);
  }, 120_000);

  for (const before of [true, false]) {
    it(`are there once where the connection ends ${before ? 'before' : 'after'} any call`, async () => {
      const lost = (call: number) => ({ call: call + 1, before });
      expect(await everywhere((call) => ({ seed: SEED + 3, lost: lost(call) }))).toBeGreaterThan(20);
    }, 120_000);
  }

  it(`are there once where both stop again and again, in ${HISTORIES} histories`, async () => {
    console.log(`histories of seeds ${FIRST} to ${FIRST + HISTORIES - 1}`);
    for (let seed = FIRST; seed < FIRST + HISTORIES; seed += 1) {
      const { fraction } = seeded(seed);
      const step = () => Math.floor(fraction() * 60);
      const lost = { call: 1 + Math.floor(fraction() * 30), before: fraction() < 0.5 };
      await move({
        seed,
        stopHere: step(),
        stopThere: step(),
        lost,
        again: seed % 4,
        cancelled: fraction() < 0.3,
      });
    }
  }, 600_000);
});
