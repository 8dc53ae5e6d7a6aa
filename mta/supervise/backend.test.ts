import { describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import type { DrainControl } from '../control/drain-types.ts';
import type { WorkerSummary } from '../control/operations.ts';
import type { MessageFilter, QueueAction } from '../control/types.ts';
import { systemRandom } from '../random.ts';
import { controlBackend, mergeSummaries } from './backend.ts';
import type { WorkerCalls } from './calls.ts';
import type { Supervisor } from './supervisor.ts';

const worker = (
  more: Partial<WorkerSummary['counts']>,
  destinations: WorkerSummary['destinations'] = [],
) => ({
  counts: { messages: 1, bytes: 10, oldest: undefined, lanes: 1, damaged: 0, full: false, ...more },
  recipients: { due: 1, active: 2, deferred: 3, held: 4 },
  destinations,
});

describe('mergeSummaries', () => {
  it('adds workers up, and takes the oldest message of all', () => {
    const merged = mergeSummaries([worker({ oldest: 5000 }), worker({ oldest: 2000, full: true })], 10_000);
    expect(merged).toMatchObject({
      messages: 2,
      bytes: 20,
      oldestSeconds: 8,
      oldestAt: '1970-01-01T00:00:02.000Z',
      lanes: 2,
      full: true,
      recipients: { due: 2, active: 4, deferred: 6, held: 8 },
    });
  });

  it('has no oldest message when all are empty', () => {
    expect(mergeSummaries([worker({})], 10_000).oldestSeconds).toBeUndefined();
  });

  it('puts a destination of several workers into one line, the largest first', () => {
    const one = { destination: 'mx:a.test', messages: 1, active: 0, deferred: 1 };
    const two = { destination: 'mx:b.test', messages: 5, active: 1, deferred: 4, backOffUntil: 1000 };
    const { destinations } = mergeSummaries(
      [
        worker({}, [one, two]),
        worker({}, [{ ...two, lastReply: '451 4.4.1 No answer', backOffUntil: 2000 }]),
      ],
      0,
    );
    expect(destinations).toEqual([
      {
        destination: 'mx:b.test',
        messages: 10,
        active: 2,
        deferred: 8,
        backOffUntil: '1970-01-01T00:00:02.000Z',
        lastReply: '451 4.4.1 No answer',
      },
      one,
    ]);
  });
});

describe('controlBackend', () => {
  const deps = {
    ...{ fleet: undefined, drain: {} as DrainControl, reports: { entries: async () => [] } },
    ...{ clock: systemClock, random: systemRandom },
  };

  it('says of its totals when a worker is not among them', async () => {
    const answers = [worker({}), worker({})];
    const backend = controlBackend(
      { all: async () => answers, config: { workers: 2 } } as unknown as Supervisor,
      deps,
    );
    expect(await backend.totals()).toMatchObject({ messages: 2, isPartial: false });
    answers.pop();
    expect(await backend.totals()).toMatchObject({ messages: 1, isPartial: true });
  });

  it('changes no more messages than the limit says, of all workers together', async () => {
    const queues = [3, 3, 3];
    const workers = queues.map((_, n) => ({
      act: async (_action: QueueAction, select: MessageFilter) => {
        const changed = Math.min(queues[n]!, select.limit);
        queues[n]! -= changed;
        return changed;
      },
    }));
    const all = (ask: (calls: WorkerCalls) => Promise<unknown>) =>
      Promise.all(workers.map((calls) => ask(calls as unknown as WorkerCalls)));
    const backend = controlBackend({ all } as unknown as Supervisor, deps);
    expect(await backend.act('remove', { filter: { limit: 4 } })).toBe(4);
    expect(queues).toEqual([0, 2, 3]);
    expect(await backend.act('remove', { filter: { limit: Number.MAX_SAFE_INTEGER } })).toBe(5);
  });

  it('has all workers change theirs at once where there is no limit', async () => {
    let begun = 0;
    let go = () => {};
    const both = new Promise<void>((resolve) => {
      go = resolve;
    });
    const worker = {
      async act() {
        begun += 1;
        if (begun === 2) go();
        await both;
        return 3;
      },
    } as unknown as WorkerCalls;
    const all = (ask: (calls: WorkerCalls) => Promise<unknown>) => Promise.all([ask(worker), ask(worker)]);
    const backend = controlBackend({ all } as unknown as Supervisor, deps);
    expect(await backend.act('retry', { filter: { limit: Number.MAX_SAFE_INTEGER } })).toBe(6);
  });
});
