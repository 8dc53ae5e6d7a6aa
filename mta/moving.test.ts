import { expect, it } from 'vitest';
import type { MemberCalls } from './fleet/types.ts';
import type { EndEvent, MailLog } from './log/types.ts';
import { createMoving } from './moving.ts';
import { inMemory } from './queue/read.ts';
import { accept, envelopeOf, jobFor, openTestQueue } from './queue/testing/test-queue.ts';
import { encodeFrame } from './queue/transfer/frames.ts';
import { seeded } from './testing/seeded.ts';

const THERE = { lane: 'aaaaaaaaaaaa', id: 'aaaaaaaaaaaa-7' };

/** A worker of mta-0, and a member mta-1 that has every message of a batch as soon as it is asked. */
async function worker() {
  const test = await openTestQueue();
  const active = new Set<string>();
  const ended: EndEvent[] = [];
  const taken: Parameters<MailLog['taken']>[0][] = [];
  const counted: unknown[][] = [];
  const calls: MemberCalls = {
    members: async () => ['mta-1'],
    async ask(_member, path) {
      if (path === '/transfer/lanes') return { lanes: [THERE.lane] };
      if (path !== '/transfer/open') return undefined;
      const [batch] = test.queue.transfers()[0]!.batches();
      return { session: '0.s', taking: true, kept: batch!.sequences.map((sequence) => [sequence, THERE.id]) };
    },
  };
  const moving = createMoving({
    ...{ queue: test.queue, clock: test.clock, random: seeded(5), calls },
    scheduler: { isActive: (id) => active.has(id) },
    log: { ended: (event) => void ended.push(event), taken: (event) => void taken.push(event) } as MailLog,
    metrics: {
      ended: (...args) => void counted.push(['ended', ...args]),
      moved: (...args) => void counted.push(['moved', ...args]),
    },
    logger: { warn: () => {} },
  });
  return { ...test, ...moving, active, ended, taken, counted };
}

it('what moves is told with the pod that has it and its id there, when no attempt works on it any more', async () => {
  const { queue, clock, handOver, active, ended, counted } = await worker();
  const id = await accept(queue, 'm', Buffer.from('content'));
  active.add(id);
  handOver.leave();
  await clock.advance(5000);
  expect(ended).toEqual([]);
  active.clear();
  await clock.advance(5000);
  expect(ended).toMatchObject([
    {
      id,
      from: 'm@sender.test',
      to: 'm-0@example.test',
      outcome: 'moved',
      member: 'mta-1',
      movedAs: THERE.id,
      reply: { code: 250, text: `Moved to mta-1 as ${THERE.id}` },
    },
  ]);
  expect(counted).toEqual([
    ['moved', 'out', 7],
    ['ended', 'moved', expect.any(Number)],
  ]);
});

it('what comes is told with the pod that had it', async () => {
  const { queue, receptions, taken, counted } = await worker();
  const { session } = await receptions.open(queue.home()!, 'b', 'mta-2');
  const header = { sequence: 1, envelope: { ...envelopeOf('m'), firstId: 'z-1' }, jobs: [jobFor([0])] };
  for await (const chunk of encodeFrame(header, inMemory(Buffer.from('content')))) {
    await receptions.write('b', session, chunk);
  }
  await receptions.finish('b', session);
  const [entry] = [...queue.entries()];
  expect(taken).toMatchObject([{ id: entry!.id, member: 'mta-2', size: 7, envelope: { firstId: 'z-1' } }]);
  expect(counted).toEqual([['moved', 'in', 7]]);
});
