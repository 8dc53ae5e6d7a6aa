import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IndexedMessage, MessageIndex } from './message-index.ts';

const message = (sequence: number, arrivedAt: number, segment: number): IndexedMessage => ({
  sequence,
  arrivedAt,
  segment,
  size: arrivedAt + 1,
  sender: '',
  body: undefined,
  jobs: [],
  offset: 0,
  length: 10 * sequence + 1,
});

const action = fc.record({
  what: fc.constantFrom('put', 'remove', 'move', 'forget'),
  sequence: fc.nat(8),
  arrivedAt: fc.nat(20),
  segment: fc.nat(4),
});

describe('the index', () => {
  it('counts what it holds, whatever came and went', () => {
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const index = new MessageIndex();
        for (const { what, sequence, arrivedAt, segment } of actions) {
          if (what === 'put') index.put(message(sequence, arrivedAt, segment));
          else if (what === 'remove') index.remove(sequence);
          else if (what === 'move') index.move(sequence, { segment, offset: 0, length: 7 });
          else index.forget(segment);
          const all = [...index.values()];
          const sum = (of: (one: IndexedMessage) => number): number => all.reduce((n, one) => n + of(one), 0);
          expect(index.size).toBe(all.length);
          expect(index.oldest).toBe(Math.min(...all.map((one) => one.arrivedAt)));
          expect(index.bytes).toBe(sum(({ size }) => size));
          expect(index.totalLiveBytes).toBe(sum(({ length }) => length));
          for (const at of [0, 1, 2, 3, 4]) {
            expect(index.liveBytes(at)).toBe(sum((one) => (one.segment === at ? one.length : 0)));
          }
          if (what === 'forget') expect(all.every((one) => one.segment >= segment)).toBe(true);
        }
      }),
    );
  });
});
