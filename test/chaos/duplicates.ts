/**
 * Which duplicates a run may have. A recipient may be tried again where its final dot had been sent, and what came of it
 * was not yet synced, when a fault struck the node. All but one of its copies need such a fault. Pure.
 *
 * That a settlement had been synced is known in two ways. The lane's journal keeps its order: where anything that was
 * handed over later is known, by the mail log, to have been settled before the fault, so was this. And what takes
 * longer than any settlement of the run did is not under way any more.
 */
import type { Copy } from './account.ts';
import type { NodeFault, VolumeFault } from './faults.ts';

/** A recipient's end as the mail log has it: written after the settlement had been synced. */
export interface Settled {
  readonly node: string;
  readonly queueId: string;
  readonly to: string;
  /** Ms since the epoch. */
  readonly at: number;
}

export interface Evidence {
  readonly nodeFaults: readonly NodeFault[];
  readonly volumeFaults: readonly VolumeFault[];
  readonly settled: readonly Settled[];
}

export interface Verdict {
  readonly duplicates: number;
  /** By the fault that accounts for them. */
  readonly byFault: Readonly<Record<string, number>>;
  /** What nothing accounts for, in words. */
  readonly unaccounted: readonly string[];
  /** Ms from a final reply to the line of the mail log, of recipients with which no fault interfered. */
  readonly settleMs: { readonly median: number; readonly p99: number; readonly longest: number };
}

/** What was sent before a fault may be read by the sink, which shares the processors with everything, this much later. */
const READ_LATE_MS = 500;
/** Replies that come closer together than this may be read, and settled, in another order. */
const ORDER_MS = 250;

const laneOf = (queueId: string): string => queueId.slice(0, queueId.indexOf('-'));

export function judge(copies: ReadonlyMap<string, readonly Copy[]>, evidence: Evidence): Verdict {
  const history = new History(copies, evidence);
  const byFault: Record<string, number> = {};
  const unaccounted: string[] = [];
  let duplicates = 0;
  for (const [key, all] of copies) {
    if (all.length === 1) continue;
    duplicates += all.length - 1;
    const excuses = all.map((copy) => history.excuse(copy));
    const excused = excuses.filter((excuse) => excuse !== undefined);
    for (const excuse of excused.slice(0, all.length - 1)) byFault[excuse] = (byFault[excuse] ?? 0) + 1;
    if (excused.length < all.length - 1) {
      unaccounted.push(`${key}: ${all.map((copy, i) => history.describe(copy, excuses[i])).join('; ')}`);
    }
  }
  return { duplicates, byFault, unaccounted, settleMs: history.settleMs };
}

class History {
  readonly #evidence: Evidence;
  readonly #faultsOf = new Map<string, NodeFault[]>();
  /** By node and lane: when something was replied to, and when that had been settled. */
  readonly #settledIn = new Map<string, { readonly repliedAt: number; readonly at: number }[]>();
  readonly settleMs: Verdict['settleMs'];

  constructor(copies: ReadonlyMap<string, readonly Copy[]>, evidence: Evidence) {
    this.#evidence = evidence;
    for (const fault of evidence.nodeFaults) {
      const of = this.#faultsOf.get(fault.node) ?? [];
      of.push(fault);
      this.#faultsOf.set(fault.node, of);
    }
    const copiesOf = new Map<string, Copy>();
    for (const [key, all] of copies) {
      const to = key.slice(key.indexOf(' ') + 1);
      for (const copy of all) copiesOf.set(`${copy.node} ${copy.queueId} ${to}`, copy);
    }
    const took: number[] = [];
    for (const { node, queueId, to, at } of evidence.settled) {
      const copy = copiesOf.get(`${node} ${queueId} ${to}`);
      if (copy === undefined || at < copy.repliedAt) continue;
      const key = `${node} ${laneOf(queueId)}`;
      const within = this.#settledIn.get(key) ?? [];
      within.push({ repliedAt: copy.repliedAt, at });
      this.#settledIn.set(key, within);
      if (!this.#disturbed(node, copy.dotAt, at)) took.push(at - copy.repliedAt);
    }
    took.sort((a, b) => a - b);
    const quantile = (q: number) => took[Math.min(took.length - 1, Math.floor(took.length * q))] ?? 0;
    this.settleMs = { median: quantile(0.5), p99: quantile(0.99), longest: quantile(1) };
  }

  /** The fault for which this copy's settlement may be missing. */
  excuse(copy: Copy): string | undefined {
    const until = copy.repliedAt + this.settleMs.longest;
    const faults = (this.#faultsOf.get(copy.node) ?? []).filter(({ at }) => at + READ_LATE_MS >= copy.dotAt);
    const first = faults[0];
    if (first && first.at <= until && !this.#isSettledBy(copy, first.at)) return first.kind;
    const trouble = this.#troubleOf(copy.node, copy.dotAt, until);
    if (trouble === undefined || this.#isSettledBy(copy, trouble.from)) return undefined;
    if (trouble.kind !== 'volume full') return trouble.kind;
    // What can't be written waits in memory: only together with its process is it lost.
    return first && first.at <= trouble.to + this.settleMs.longest ? `${first.kind}, volume full` : undefined;
  }

  describe(copy: Copy, excuse: string | undefined): string {
    const { node, queueId, dotAt, repliedAt } = copy;
    const time = new Date(dotAt).toISOString();
    const { nodeFaults, volumeFaults } = this.#evidence;
    const next = [...nodeFaults, ...volumeFaults.map((fault) => ({ ...fault, at: fault.from }))]
      .filter((fault) => (fault.node ?? node) === node && fault.at + READ_LATE_MS >= dotAt)
      .sort((a, b) => a.at - b.at)[0];
    const what = next ? `${next.kind} ${next.at - repliedAt} ms later` : 'no fault later';
    const told = excuse ?? (next && this.#isSettledBy(copy, next.at) ? `settled before ${what}` : what);
    return `${queueId} by ${node} at ${time}, answered after ${repliedAt - dotAt} ms (${told})`;
  }

  #isSettledBy(copy: Copy, at: number): boolean {
    const within = this.#settledIn.get(`${copy.node} ${laneOf(copy.queueId)}`) ?? [];
    return within.some((other) => other.repliedAt > copy.repliedAt + ORDER_MS && other.at < at);
  }

  #troubleOf(node: string, from: number, to: number): VolumeFault | undefined {
    return this.#evidence.volumeFaults.find(
      (fault) => (fault.node ?? node) === node && fault.from <= to && fault.to >= from,
    );
  }

  #disturbed(node: string, from: number, to: number): boolean {
    const struck = (this.#faultsOf.get(node) ?? []).some(({ at }) => at >= from && at <= to);
    return struck || this.#troubleOf(node, from, to) !== undefined;
  }
}
