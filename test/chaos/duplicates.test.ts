import { describe, expect, it } from 'vitest';
import type { Copy } from './account.ts';
import { type Evidence, judge, LONGEST_SETTLE_MS } from './duplicates.ts';
import { type End, mayHaveOwned, type Tenant } from './journals.ts';

const copy = (node: string, dotAt: number, queueId = 'lane-1'): Copy => ({
  node,
  queueId,
  dotAt,
  repliedAt: dotAt + 5,
});

function verdict(
  copies: readonly Copy[],
  evidence: Partial<Evidence> = {},
  { ends = [], tenants = [] }: { ends?: readonly End[]; tenants?: readonly Tenant[] } = {},
) {
  const journals = {
    endsOf: () => ends,
    ownersOf: (_id: string, node: string, at: number) =>
      mayHaveOwned(
        tenants.filter((one) => one.node === node),
        at,
      ),
  };
  return judge(new Map([['m1 a@x', copies]]), {
    nodeFaults: [],
    volumeFaults: [],
    settled: [],
    journals,
    ...evidence,
  });
}

const kill = (at: number, node = 'n1') => ({ kind: 'kill' as const, node, at });
const end = (seenAt: number, offset = 1024): End => ({ segment: 1, offset, seenAt });
const twice = [copy('n1', 1000), copy('n2', 5000)];

describe('a second copy', () => {
  it('has its fault where the first had been sent, and was not settled when it came', () => {
    const found = verdict(twice, { nodeFaults: [kill(1050)] }, { ends: [end(5100)] });
    expect(found).toMatchObject({ duplicates: 1, byFault: { kill: 1 }, unaccounted: [] });
    expect(found.unsettledMs.longest).toBe(45);
  });

  it('has none where nothing happened, or to another node, or before, or much later', () => {
    for (const fault of [undefined, kill(1050, 'n2'), kill(400), kill(1010 + LONGEST_SETTLE_MS)]) {
      const { unaccounted, byFault } = verdict(twice, { nodeFaults: fault ? [fault] : [] });
      expect(unaccounted).toHaveLength(1);
      expect(byFault).toEqual({});
    }
  });

  it('has its fault later where settlements took so long in this run, and no later than that', () => {
    const settled = [{ node: 'n2', queueId: 'lane-1', to: 'a@x', at: 5005 + 2 * LONGEST_SETTLE_MS }];
    const of = (at: number) => verdict(twice, { settled, nodeFaults: [kill(at)] }).unaccounted;
    expect(of(1010 + LONGEST_SETTLE_MS)).toEqual([]);
    expect(of(1010 + 2 * LONGEST_SETTLE_MS)).toHaveLength(1);
  });

  it('may be what a process had looked at the lease for when it stood still: one message, as it wakes', () => {
    const stop = { kind: 'stop' as const, node: 'n1', at: 1000, to: 4990 };
    const woken = [copy('n1', 5000), copy('n2', 5200)];
    expect(verdict(woken, { nodeFaults: [stop] })).toMatchObject({
      byFault: { 'stop, woken': 1 },
      unaccounted: [],
    });
    expect(verdict([copy('n1', 5600), copy('n2', 5800)], { nodeFaults: [stop] }).unaccounted).toHaveLength(1);
    const second = [copy('n1', 5001, 'lane-2'), copy('n2', 5201, 'lane-2')];
    const all = new Map([
      ['m1 a@x', woken],
      ['m2 a@x', second],
    ]);
    const journals = { endsOf: () => [], ownersOf: () => [] };
    const { unaccounted } = judge(all, { nodeFaults: [stop], volumeFaults: [], settled: [], journals });
    expect(unaccounted).toHaveLength(1);
  });

  it('has none where the fault came after it', () => {
    const copies = [copy('n1', 1000), copy('n2', 1700)];
    expect(verdict(copies, { nodeFaults: [kill(1800)] }).unaccounted).toHaveLength(1);
  });

  it('fails the run where the end of the first was in the journal, whatever fault came', () => {
    const nodeFaults = [kill(1050)];
    expect(verdict(twice, { nodeFaults }, { ends: [end(1040)] }).unaccounted).toHaveLength(1);
    expect(verdict(twice, { nodeFaults }, { ends: [end(5100), end(5200, 2048)] }).unaccounted).toHaveLength(
      1,
    );
  });

  it('has the kill of a worker for a fault only where that worker sent the first', () => {
    const tenants = [{ node: 'n1', pid: 17, since: 0 }];
    const killed = (pid: number) => ({
      nodeFaults: [{ kind: 'kill worker' as const, node: 'n1', pid, at: 1050 }],
    });
    expect(verdict(twice, killed(17), { tenants }).unaccounted).toEqual([]);
    expect(verdict(twice, killed(18), { tenants }).unaccounted).toHaveLength(1);
  });

  it('has it too where another worker of the node took the lane over before that was seen', () => {
    const tenants = [
      { node: 'n1', pid: 17, since: 0 },
      { node: 'n1', pid: 18, since: 1100 },
    ];
    const copies = [copy('n1', 1000), copy('n1', 1090)];
    const killed = (pid: number, at: number) => ({
      nodeFaults: [{ kind: 'kill worker' as const, node: 'n1', pid, at }],
    });
    expect(verdict(copies, killed(17, 1010), { tenants }).unaccounted).toEqual([]);
    expect(verdict(copies, killed(17, 1095), { tenants }).unaccounted).toHaveLength(1);
    expect(verdict(copies, killed(19, 1010), { tenants }).unaccounted).toHaveLength(1);
  });

  it('may come from an outage, and from a full volume only together with a fault of the node', () => {
    const outage = { kind: 'brick killed' as const, from: 900, to: 3000 };
    const full = { kind: 'volume full' as const, from: 900, to: 3000 };
    expect(verdict(twice, { volumeFaults: [outage] }).byFault).toEqual({ 'brick killed': 1 });
    expect(verdict(twice, { volumeFaults: [full] }).unaccounted).toHaveLength(1);
    const late = kill(1200 + LONGEST_SETTLE_MS);
    expect(verdict(twice, { volumeFaults: [full], nodeFaults: [late] }).unaccounted).toEqual([]);
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

it('measures settlements with which no fault interfered, by the mail log', () => {
  const settled = [{ node: 'n1', queueId: 'lane-1', to: 'a@x', at: 1105 }];
  const of = (nodeFaults: Evidence['nodeFaults']) => verdict([copy('n1', 1000)], { settled, nodeFaults });
  expect(of([]).settleMs.longest).toBe(100);
  expect(of([]).slowest).toHaveLength(1);
  expect(of([kill(1050)]).slowest).toEqual([]);
});
