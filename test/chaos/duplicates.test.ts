import { describe, expect, it } from 'vitest';
import type { Copy } from './account.ts';
import { type Evidence, judge } from './duplicates.ts';

const copy = (node: string, dotAt: number, queueId = 'lane-1'): Copy => ({
  node,
  queueId,
  dotAt,
  repliedAt: dotAt + 5,
});

/** Mail of another lane whose settlements took up to 100 ms. */
function verdict(copies: readonly Copy[], evidence: Partial<Evidence> = {}, more: [string, Copy][] = []) {
  const all = new Map([
    ['m1 a@x', copies],
    ['m0 a@x', [copy('n1', 0, 'other-1')]],
    ...more.map(([key, one]): [string, Copy[]] => [key, [one]]),
  ]);
  const settled = [{ node: 'n1', queueId: 'other-1', to: 'a@x', at: 105 }, ...(evidence.settled ?? [])];
  return judge(all, { nodeFaults: [], volumeFaults: [], ...evidence, settled });
}

const kill = (at: number, node = 'n1') => ({ kind: 'kill' as const, node, at });

describe('a second copy', () => {
  it('has its fault where the first had been sent, and could not have been settled', () => {
    const { duplicates, byFault, unaccounted, settleMs } = verdict([copy('n1', 1000), copy('n2', 5000)], {
      nodeFaults: [kill(1050)],
    });
    expect({ duplicates, byFault, unaccounted }).toEqual({
      duplicates: 1,
      byFault: { kill: 1 },
      unaccounted: [],
    });
    expect(settleMs.longest).toBe(100);
  });

  it('has none where nothing happened, or to another node, or before, or much later', () => {
    for (const fault of [kill(1050, 'n2'), kill(400), kill(1200)]) {
      const { unaccounted, byFault } = verdict([copy('n1', 1000), copy('n2', 5000)], { nodeFaults: [fault] });
      expect(unaccounted).toHaveLength(1);
      expect(byFault).toEqual({});
    }
  });

  it('has none where later mail of the lane is known to have been settled before the fault', () => {
    const { unaccounted } = verdict(
      [copy('n1', 1000), copy('n2', 5000)],
      {
        nodeFaults: [kill(1400)],
        settled: [
          // Makes the longest settlement 500 ms, so that time alone would do.
          { node: 'n1', queueId: 'slow-1', to: 'b@x', at: 505 },
          { node: 'n1', queueId: 'lane-2', to: 'c@x', at: 1390 },
        ],
      },
      [
        ['m2 b@x', copy('n1', 0, 'slow-1')],
        ['m3 c@x', copy('n1', 1300, 'lane-2')],
      ],
    );
    expect(unaccounted).toHaveLength(1);
  });

  it('may come from an outage, and from a full volume only together with a fault of the node', () => {
    const copies = [copy('n1', 1000), copy('n2', 5000)];
    const outage = { kind: 'brick killed' as const, from: 900, to: 3000 };
    const full = { kind: 'volume full' as const, from: 900, to: 3000 };
    expect(verdict(copies, { volumeFaults: [outage] }).byFault).toEqual({ 'brick killed': 1 });
    expect(verdict(copies, { volumeFaults: [full] }).unaccounted).toHaveLength(1);
    expect(verdict(copies, { volumeFaults: [full], nodeFaults: [kill(2000)] }).unaccounted).toEqual([]);
  });

  it('of another node’s mount has no fault', () => {
    const cut = { kind: 'mount cut' as const, node: 'n2', from: 900, to: 3000 };
    expect(verdict([copy('n1', 1000), copy('n3', 5000)], { volumeFaults: [cut] }).unaccounted).toHaveLength(
      1,
    );
  });

  it('and a third need a fault each', () => {
    const copies = [copy('n1', 1000), copy('n2', 2000), copy('n1', 3000)];
    expect(verdict(copies, { nodeFaults: [kill(1010)] }).unaccounted).toHaveLength(1);
    const both = { nodeFaults: [kill(1010), kill(2010, 'n2')] };
    expect(verdict(copies, both)).toMatchObject({ duplicates: 2, byFault: { kill: 2 }, unaccounted: [] });
  });
});
