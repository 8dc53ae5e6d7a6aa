import { describe, expect, it } from 'vitest';
import type { WorkerSummary } from '../control/operations.ts';
import { mergeSummaries } from './backend.ts';

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
