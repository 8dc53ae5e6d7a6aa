import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import type { PodAddress, ReportedQueue } from './control-client.ts';
import { QueuePoll } from './queue-poll.ts';

let clock: TestClock;
let poll: QueuePoll;
/** What each pod answers; one that is not here can't be reached. */
let pods: Map<string, Partial<ReportedQueue>>;
let asked: string[];
let changes: number;

const client = {
  async queue({ name, port }: PodAddress): Promise<ReportedQueue> {
    asked.push(`${name}:${port}`);
    const answer = pods.get(name);
    if (answer === undefined) throw new Error('connection refused');
    return {
      ...{ messages: 0, damaged: 0, full: false, recipients: { deferred: 0, held: 0 }, isPartial: false },
      ...answer,
    };
  },
};
const address = (name: string, port = 2580): PodAddress => ({ name, host: '127.0.0.1', port });
const TWO = [address('mta-0'), address('mta-1')];

beforeEach(() => {
  clock = new TestClock();
  pods = new Map([
    ['mta-0', { messages: 20 }],
    ['mta-1', { messages: 30 }],
  ]);
  asked = [];
  changes = 0;
  poll = new QueuePoll({
    ...{ clock, random: seeded(1), onFailure: () => undefined },
    onChange: () => {
      changes += 1;
    },
  });
});
afterEach(() => poll.stop());

describe('the poll of the queue', () => {
  it('asks nobody before it is said who asks, and then all of them', async () => {
    poll.name(TWO);
    await settleDown();
    expect(asked).toEqual([]);
    poll.use(client);
    await settleDown();
    expect(asked).toEqual(['mta-0:2580', 'mta-1:2580']);
    expect(poll.shown?.messages).toBe(50);
    expect(changes).toBe(1);
  });

  it('shows nothing while a pod has not been asked', async () => {
    pods.delete('mta-1');
    poll.use(client);
    poll.name(TWO);
    await settleDown();
    expect(poll.shown).toBeUndefined();
    pods.set('mta-1', { messages: 1 });
    await clock.advance(1000);
    expect(poll.shown?.messages).toBe(21);
  });

  it('asks every 15 s, and tells of a change', async () => {
    poll.use(client);
    poll.name(TWO);
    await settleDown();
    pods.set('mta-0', { messages: 2000 });
    await clock.advance(29_000);
    expect(changes).toBe(1);
    await clock.advance(16_000);
    expect(poll.shown?.messages).toBe(2030);
    expect(changes).toBe(2);
    expect(asked).toHaveLength(8);
  });

  it('names a pod that is silent, counts it no more, and goes on to ask it', async () => {
    poll.use(client);
    poll.name(TWO);
    await settleDown();
    pods.delete('mta-1');
    await clock.advance(120_000);
    expect(poll.shown).toMatchObject({ messages: 20, silent: ['mta-1'] });
    pods.set('mta-1', { messages: 30 });
    await clock.advance(60_000);
    expect(poll.shown).toMatchObject({ messages: 50, silent: [] });
  });

  it('keeps what it knows of a pod whose worker is just being replaced', async () => {
    poll.use(client);
    poll.name(TWO);
    await settleDown();
    pods.set('mta-1', { messages: 0, isPartial: true });
    await clock.advance(600_000);
    expect(poll.shown?.messages).toBe(50);
    expect(changes).toBe(1);
  });

  it('forgets a pod that is not named any more, and takes one at another address for another', async () => {
    poll.use(client);
    poll.name(TWO);
    await settleDown();
    poll.name([address('mta-0', 2581)]);
    await settleDown();
    expect(asked.at(-1)).toBe('mta-0:2581');
    await clock.advance(45_000);
    expect(poll.shown?.messages).toBe(20);
    poll.name([]);
    expect(poll.shown).toBeUndefined();
  });
});
