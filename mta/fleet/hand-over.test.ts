/** Messages that are handed over, from a worker's couriers through both supervisors to the worker that takes them. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { PostriderError } from '../errors.ts';
import { MemoryDisk } from '../queue/testing/memory-disk.ts';
import { accept, contentOf, openTestQueue, type TestQueue } from '../queue/testing/test-queue.ts';
import { HandOver } from '../queue/transfer/hand-over.ts';
import { isOnVolume } from '../queue/transfer/on-volume.ts';
import { Receptions } from '../queue/transfer/receptions.ts';
import { seeded } from '../testing/seeded.ts';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { PIECE_BYTES } from './hand-over-messages.ts';
import { handOverPeers } from './hand-over-peers.ts';
import { answerHandOver } from './hand-over-routes.ts';
import { Wire } from './testing/wire.ts';
import type { ReceivingWorker } from './types.ts';

const RECEIVER = 'there';

/** What goes over the wire between two supervisors. */
function channel(workers: ReadonlyMap<number, ReceivingWorker>, disk: MemoryDisk) {
  const wire = new Wire();
  answerHandOver(
    wire.join(RECEIVER),
    () => workers,
    (lane) => isOnVolume(disk, '/queue', lane),
  );
  const calls = wire.join('here');
  return { calls, asked: wire.asked, handlers: wire.members.get(RECEIVER)!, peers: handOverPeers(calls) };
}

function worker({ queue, disk }: TestQueue, seed: number): ReceivingWorker {
  const receptions = new Receptions({ queue, random: seeded(seed), onTaken: () => undefined });
  return {
    receivingLane: async () => receptions.lane(),
    laneOnVolume: (lane) => isOnVolume(disk, '/queue', lane),
    openReception: (lane, batch, from) => receptions.open(lane, batch, from),
    receive: (batch, session, piece) => receptions.write(batch, session, Buffer.from(piece)),
    finishReception: (batch, session) => receptions.finish(batch, session),
    closeReception: (lane, batch, session) => receptions.done(lane, batch, session),
  };
}

/** A pod of two workers over one volume, and the wire to it. */
async function pod() {
  const clock = new TestClock();
  const disk = new MemoryDisk();
  const tests = [
    await openTestQueue({ disk, clock, seed: 11, othersGone: false }),
    await openTestQueue({ disk, clock, seed: 12, othersGone: false }),
  ] as const;
  const workers = new Map([
    [0, worker(tests[0], 21)],
    [1, worker(tests[1], 22)],
  ]);
  return { clock, disk, tests, workers, ...channel(workers, disk) };
}

const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'answered',
    (error: unknown) => (error instanceof PostriderError ? error.code : String(error)),
  );

const opening = (lane: string) => [{ member: RECEIVER, lane }, 'batch'] as const;

describe('messages that are handed over', () => {
  it('come to the worker that has the lane, whatever their size, in bounded pieces', async () => {
    const { clock, tests, peers, asked } = await pod();
    const here = await openTestQueue({ clock, seed: 1 });
    const contents = Array.from({ length: 40 }, (_, i) =>
      Buffer.alloc(i === 7 ? 3 * PIECE_BYTES + 17 : 100 * i, `content ${i} `),
    );
    for (const [i, content] of contents.entries()) await accept(here.queue, `m${i}`, content);
    const handOver = new HandOver({
      queue: here.queue,
      peers,
      clock,
      random: seeded(3),
      mayMove: () => true,
      onMoved: () => undefined,
      log: { warn: () => undefined },
    });
    handOver.leave();
    for (let i = 0; i < 10; i += 1) await clock.advance(1000);
    expect(handOver.status()).toMatchObject({ messages: 0, lanes: 0, pinned: [], problems: [] });
    const came = new Map<string, Buffer | undefined>();
    for (const { queue } of tests) {
      for (const { id } of queue.entries()) {
        came.set((await queue.read(id))!.envelope.from, await contentOf(queue, id));
      }
    }
    expect(came.size).toBe(40);
    for (const [i, content] of contents.entries()) {
      expect(came.get(`m${i}@sender.test`)?.equals(content), `content ${i}`).toBe(true);
    }
    expect(Math.max(...asked.map(({ bytes }) => bytes))).toBe(PIECE_BYTES);
  });

  it('may go to any lane of the pod', async () => {
    const { tests, peers } = await pod();
    const lanes = tests.map(({ queue }) => queue.home()!);
    expect(await peers.lanes(RECEIVER)).toEqual(lanes);
    for (const lane of lanes) expect(await peers.open(...opening(lane))).toMatchObject({ kept: [] });
  });
});

describe('a lane that is asked for', () => {
  it('is to be asked for again while no worker has it, and it is there', async () => {
    const { tests, peers } = await pod();
    const lane = tests[0].queue.home()!;
    await tests[0].queue.release();
    expect(await codeOf(peers.open(...opening(lane)))).toBe('LaneLost');
  });

  it('is found in the worker that has adopted it', async () => {
    const { clock, tests, peers } = await pod();
    const lane = tests[0].queue.home()!;
    await accept(tests[0].queue, 'an empty lane would be removed');
    await tests[0].queue.release();
    for (let i = 0; i < 20; i += 1) await clock.advance(100);
    expect(tests[1].queue.lanes().map(({ id }) => id)).toContain(lane);
    expect(await codeOf(peers.open(...opening(lane)))).toBe('answered');
  });

  it('is gone where it has been removed, and nowhere else', async () => {
    const { disk, tests, peers } = await pod();
    const lane = tests[0].queue.home()!;
    tests[0].queue.leave();
    await tests[0].queue.retireEmpty();
    expect(await codeOf(peers.open(...opening(lane)))).toBe('LaneGone');
    // A volume that isn't there has no lanes either.
    await disk.rename('/queue/VERSION', '/queue/elsewhere');
    expect(await codeOf(peers.open(...opening(lane)))).toBe('LaneLost');
    await disk.rename('/queue/elsewhere', '/queue/VERSION');
    disk.inject = ({ operation }) => (operation === 'list' ? new Error('EIO') : undefined);
    expect(await codeOf(peers.open(...opening(lane)))).toBe('LaneLost');
  });

  it('is not gone where nobody is ready to say so', async () => {
    const { workers, peers, tests } = await pod();
    workers.clear();
    expect(await codeOf(peers.open(...opening(tests[0].queue.home()!)))).toBe('LaneLost');
  });

  it('is gone where a pod is drained, and has no workers any more', async () => {
    const { workers, peers } = await pod();
    workers.clear();
    expect(await codeOf(peers.open(...opening('aaaaaaaaaaaa')))).toBe('LaneGone');
  });

  it('is not gone where the member does not know the question', async () => {
    const { tests, peers, handlers } = await pod();
    handlers.clear();
    expect(await codeOf(peers.open(...opening(tests[0].queue.home()!)))).toBe('NoSuchResource');
  });
});

describe('a session', () => {
  it('is over for the worker that takes the place of one that has died', async () => {
    const { clock, disk, tests, workers, peers } = await pod();
    const lane = tests[1].queue.home()!;
    const { session } = await peers.open(...opening(lane));
    const send = () =>
      peers.send({ member: RECEIVER, lane }, 'batch', session, Readable.from([Buffer.alloc(9)]));
    workers.delete(1);
    expect(await codeOf(send())).toBe('TransferOver');
    workers.set(1, worker(await openTestQueue({ disk, clock, seed: 13, othersGone: false }), 23));
    expect(await codeOf(send())).toBe('TransferOver');
    expect(await codeOf(peers.done({ member: RECEIVER, lane }, 'batch', session))).toBe('LaneLost');
  });

  it('is to be asked for again where the worker dies in the middle of an answer', async () => {
    const { tests, workers, peers } = await pod();
    const dead: ReceivingWorker = {
      ...workers.get(0)!,
      openReception: async () => {
        throw new Error('the process has ended');
      },
    };
    workers.set(0, dead);
    expect(await codeOf(peers.open(...opening(tests[0].queue.home()!)))).toBe('LaneLost');
    await settleDown();
  });

  it('takes no more than a piece at once', async () => {
    const { tests, calls, peers } = await pod();
    const { session } = await peers.open(...opening(tests[0].queue.home()!));
    const query = { batch: 'batch', session };
    const large = calls.ask(RECEIVER, '/transfer/send', query, Buffer.alloc(PIECE_BYTES + 1));
    expect(await codeOf(large)).toBe('UsageError');
    expect(await codeOf(calls.ask(RECEIVER, '/transfer/send', {}, Buffer.alloc(1)))).toBe('UsageError');
  });
});
