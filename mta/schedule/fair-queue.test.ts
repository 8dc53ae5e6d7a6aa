import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from './fair-queue.ts';

const drain = <T>(queue: FairQueue<T>): T[] => {
  const out: T[] = [];
  while (queue.size > 0) out.push(queue.shift() as T);
  return out;
};

describe('FairQueue', () => {
  it('serves a new sender after one message of a large one', () => {
    const queue = new FairQueue<string>();
    for (let n = 0; n < 5000; n += 1) queue.push('bulk', `bulk ${n}`);
    queue.shift();
    queue.push('anna', 'anna 0');
    expect([queue.shift(), queue.shift()]).toContain('anna 0');
  });

  it('keeps the order of each sender and loses nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 200 }), (senders) => {
        const queue = new FairQueue<{ sender: string; n: number }>();
        for (const [n, sender] of senders.entries()) queue.push(sender, { sender, n });
        expect(queue.size).toBe(senders.length);
        const out = drain(queue);
        expect(out).toHaveLength(senders.length);
        for (const sender of ['a', 'b', 'c']) {
          const order = out.filter((item) => item.sender === sender).map((item) => item.n);
          expect(order).toEqual(order.toSorted((x, y) => x - y));
        }
      }),
    );
  });

  it('never serves one sender twice while another waits', () => {
    const queue = new FairQueue<string>();
    for (const sender of ['a', 'a', 'a', 'b', 'b', 'c']) queue.push(sender, sender);
    expect(drain(queue).join('')).toBe('abcaba');
  });

  it('is empty after its last item', () => {
    const queue = new FairQueue<number>();
    expect(queue.shift()).toBeUndefined();
    queue.push('a', 1);
    expect(drain(queue)).toEqual([1]);
    expect(queue.shift()).toBeUndefined();
  });
});
