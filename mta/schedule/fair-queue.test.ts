import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairLines, FairQueue } from './fair-queue.ts';

const planOf = (message: number) => ({ message, first: message % 7, dueAt: message + 0.5 });

const drain = (queue: FairQueue): number[] => {
  const out: number[] = [];
  for (let plan = queue.shift(); plan !== undefined; plan = queue.shift()) out.push(plan.message);
  return out;
};

describe('FairQueue', () => {
  it('serves a new sender after one message of a large one', () => {
    const queue = new FairQueue(new FairLines());
    for (let n = 0; n < 5000; n += 1) queue.push('bulk', planOf(n));
    queue.shift();
    queue.push('anna', planOf(9999));
    expect([queue.shift()?.message, queue.shift()?.message]).toContain(9999);
  });

  it('keeps the order of each sender and loses nothing, beside others over the same table', () => {
    const step = fc.record({ queue: fc.nat(2), sender: fc.constantFrom('a', 'b', 'c'), push: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const lines = new FairLines();
        const queues = [0, 1, 2].map(() => new FairQueue(lines));
        const model: string[][] = [[], [], []];
        for (const [n, { queue, sender, push }] of steps.entries()) {
          const all = model[queue]!;
          if (push) {
            queues[queue]!.push(sender, planOf(n));
            all.push(`${sender}${n}`);
          } else {
            const plan = queues[queue]!.shift();
            const at = all.findIndex((each) => plan !== undefined && each.slice(1) === `${plan.message}`);
            if (all.length === 0) expect(plan).toBeUndefined();
            else {
              expect(plan).toEqual(planOf(plan!.message));
              // The first of its sender.
              expect(all.findIndex((each) => each[0] === all[at]![0])).toBe(at);
              all.splice(at, 1);
            }
          }
          expect(queues[queue]!.size).toBe(all.length);
        }
        for (const [i, queue] of queues.entries()) {
          expect(drain(queue).toSorted()).toEqual(model[i]!.map((each) => Number(each.slice(1))).toSorted());
        }
      }),
    );
  });

  it('never serves one sender twice while another waits', () => {
    const queue = new FairQueue(new FairLines());
    const senders = ['a', 'a', 'a', 'b', 'b', 'c'];
    for (const [n, sender] of senders.entries()) queue.push(sender, planOf(n));
    expect(
      drain(queue)
        .map((n) => senders[n])
        .join(''),
    ).toBe('abcaba');
  });

  it('is empty after its last item', () => {
    const queue = new FairQueue(new FairLines());
    expect(queue.shift()).toBeUndefined();
    queue.push('a', planOf(1));
    expect(drain(queue)).toEqual([1]);
    expect(queue.shift()).toBeUndefined();
  });
});
