/**
 * Which duplicates a run may have. A recipient may be tried again where its final dot had been sent, and what came of it
 * was not yet synced, when a fault struck the process that sent it. All but one of its copies need such a fault. Pure.
 *
 * What was synced is known from the lanes' journals (journals.ts), and from nothing else: no copy may begin once the
 * recipient's end is in what counts of its journal, and none has two ends that count. A process that stood still between
 * its look at the lease and its final dot sends that when it wakes: one message, as it has one thread. What had not been recorded
 * `LONGEST_SETTLE_MS` after its reply, though nothing had happened yet, was not about to be: no fault excuses it, unless
 * settlements with which nothing interfered took as long in this run, as where processes get no processor.
 */
import type { Copy } from './account.ts';
import type { NodeFault, VolumeFault } from './faults.ts';
import type { JournalRecords } from './journals.ts';

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
  readonly journals: JournalRecords;
}

export interface Verdict {
  readonly duplicates: number;
  /** By the fault that accounts for them. */
  readonly byFault: Readonly<Record<string, number>>;
  /** What nothing accounts for, in words. */
  readonly unaccounted: readonly string[];
  /** Of the recipients that arrived, those whose end was read in a journal. */
  readonly endsRead: number;
  /** Ms from the final reply to the fault, of the copies that a fault of their process accounts for. */
  readonly unsettledMs: Quantiles;
  /** Ms from a final reply to the line of the mail log, of recipients with which no fault interfered. */
  readonly settleMs: Quantiles;
  /** The longest of those, in words. */
  readonly slowest: readonly string[];
}

export interface Quantiles {
  readonly median: number;
  readonly p99: number;
  readonly longest: number;
}

/** What was sent before a fault may be read by the sink, which shares the processors with everything, this much later. */
const READ_LATE_MS = 500;
/** A settlement waits 10 ms for company, then for one group or two, each a sync over the network, on a busy machine. */
export const LONGEST_SETTLE_MS = 2000;
const SLOWEST = 5;

export function judge(copies: ReadonlyMap<string, readonly Copy[]>, evidence: Evidence): Verdict {
  const history = new History(copies, evidence);
  const byFault: Record<string, number> = {};
  const unaccounted: string[] = [];
  const unsettled: number[] = [];
  let duplicates = 0;
  let endsRead = 0;
  for (const [key, all] of copies) {
    const to = key.slice(key.indexOf(' ') + 1);
    const ends = evidence.journals.endsOf(all[0]!.queueId, to);
    if (ends.length > 0) endsRead += 1;
    if (ends.length > 1) {
      const where = ends.map(({ segment, offset }) => `segment ${segment} at ${offset}`).join(', ');
      unaccounted.push(`${key}: ${all[0]!.queueId} ended ${ends.length} times in its journal: ${where}`);
    }
    if (all.length === 1) continue;
    duplicates += all.length - 1;
    const ended = ends[0]?.seenAt ?? Number.POSITIVE_INFINITY;
    if (all.some(({ queueId }) => queueId !== all[0]!.queueId)) unaccounted.push(`${key}: two queue ids`);
    if (all.some(({ dotAt }) => dotAt > ended + READ_LATE_MS)) {
      unaccounted.push(`${key}: sent after its end had been recorded`);
    }
    const inOrder = [...all].sort((a, b) => a.dotAt - b.dotAt);
    const excuses = inOrder.map((copy, i) => history.excuse(copy, inOrder[i + 1]?.dotAt));
    // The last is the one that was settled.
    const excused = excuses.slice(0, -1).filter((excuse) => excuse !== undefined);
    for (const { kind, after } of excused) {
      byFault[kind] = (byFault[kind] ?? 0) + 1;
      if (after !== undefined) unsettled.push(after);
    }
    if (excused.length < all.length - 1) {
      unaccounted.push(`${key}: ${inOrder.map((copy, i) => history.describe(copy, excuses[i])).join('; ')}`);
    }
  }
  const took = [...history.settlements].sort((a, b) => b.ms - a.ms);
  return {
    duplicates,
    byFault,
    unaccounted,
    endsRead,
    unsettledMs: quantiles(unsettled),
    settleMs: quantiles(took.map(({ ms }) => ms)),
    slowest: took.slice(0, SLOWEST).map(({ ms, copy }) => `${ms} ms: ${history.describe(copy, undefined)}`),
  };
}

function quantiles(all: readonly number[]): Quantiles {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
  return { median: at(0.5), p99: at(0.99), longest: at(1) };
}

interface Excuse {
  readonly kind: string;
  /** Ms from its reply to the fault, where that struck its process. */
  readonly after?: number;
}

class History {
  readonly #evidence: Evidence;
  readonly #faultsOf = new Map<string, NodeFault[]>();

  /** How long it took to settle what no fault came near. */
  readonly settlements: readonly { readonly ms: number; readonly copy: Copy }[];
  readonly #longest: number;
  /** The message that a process sent when it woke, by process and stop. */
  readonly #woken = new Map<string, string>();

  constructor(copies: ReadonlyMap<string, readonly Copy[]>, evidence: Evidence) {
    this.#evidence = evidence;
    for (const fault of evidence.nodeFaults) {
      const of = this.#faultsOf.get(fault.node) ?? [];
      of.push(fault);
      this.#faultsOf.set(fault.node, of);
    }
    this.settlements = this.#undisturbed(copies);
    this.#longest = this.settlements.reduce((most, { ms }) => Math.max(most, ms), LONGEST_SETTLE_MS);
  }

  /**
   * The fault for which this copy's settlement may be missing.
   *
   * @param next when the next copy's final dot was read
   */
  excuse(copy: Copy, next = Number.POSITIVE_INFINITY): Excuse | undefined {
    if (this.#hasWoken(copy)) return { kind: 'stop, woken' };
    const until = Math.min(copy.repliedAt + this.#longest, next);
    const first = this.#strikes(copy)[0];
    if (first && first.at <= until) {
      return { kind: first.kind, after: Math.max(0, first.at - copy.repliedAt) };
    }
    const trouble = this.#troubleOf(copy.node, copy.dotAt, until);
    if (trouble?.kind !== 'volume full') return trouble && { kind: trouble.kind };
    // What can't be written waits in memory: only together with its process is it lost.
    const lost = first && first.at <= trouble.to + this.#longest;
    return lost ? { kind: `${first.kind}, volume full` } : undefined;
  }

  /** Whether it is what this process had before it stood still: the first message that is asked about, and no other. */
  #hasWoken({ node, queueId, dotAt }: Copy): boolean {
    const stop = this.#faultsOf
      .get(node)
      ?.find(({ at, to }) => to !== undefined && at <= dotAt && to <= dotAt && dotAt <= to + READ_LATE_MS);
    if (stop === undefined) return false;
    const [owner] = this.#evidence.journals.ownersOf(queueId, node, dotAt);
    const process = `${node} ${owner?.pid ?? ''} ${stop.at}`;
    const before = this.#woken.get(process) ?? queueId;
    this.#woken.set(process, before);
    return before === queueId;
  }

  describe(copy: Copy, excuse: Excuse | undefined): string {
    const { node, queueId, dotAt, repliedAt } = copy;
    const time = new Date(dotAt).toISOString();
    const pids = this.#evidence.journals.ownersOf(queueId, node, dotAt).map(({ pid }) => pid);
    const next = [
      ...this.#strikes(copy),
      ...this.#evidence.volumeFaults
        .filter((fault) => (fault.node ?? node) === node && fault.to >= dotAt)
        .map(({ kind, from }) => ({ kind, at: from })),
    ].sort((a, b) => a.at - b.at)[0];
    const what = next ? `${next.kind} ${next.at - repliedAt} ms later` : 'no fault later';
    const who = pids.length === 0 ? node : `${node} (${pids.join(' or ')})`;
    return `${queueId} by ${who} at ${time}, answered after ${repliedAt - dotAt} ms (${excuse?.kind ?? what})`;
  }

  #undisturbed(copies: ReadonlyMap<string, readonly Copy[]>): { readonly ms: number; readonly copy: Copy }[] {
    const copiesOf = new Map<string, Copy>();
    for (const [key, all] of copies) {
      const to = key.slice(key.indexOf(' ') + 1);
      for (const copy of all) copiesOf.set(`${copy.node} ${copy.queueId} ${to}`, copy);
    }
    const took: { ms: number; copy: Copy }[] = [];
    for (const { node, queueId, to, at } of this.#evidence.settled) {
      const copy = copiesOf.get(`${node} ${queueId} ${to}`);
      if (copy === undefined || at < copy.repliedAt) continue;
      const struck = this.#strikes(copy).some((fault) => fault.at <= at);
      if (struck || this.#troubleOf(node, copy.dotAt, at) !== undefined) continue;
      took.push({ ms: at - copy.repliedAt, copy });
    }
    return took;
  }

  /** Faults, in their order, of the process that sent the copy, or may have; those before it are over. */
  #strikes(copy: Copy): NodeFault[] {
    const owners = this.#evidence.journals.ownersOf(copy.queueId, copy.node, copy.dotAt);
    const isOwner = (pid: number): boolean => owners.length === 0 || owners.some((one) => one.pid === pid);
    return (this.#faultsOf.get(copy.node) ?? []).filter(
      ({ at, pid }) => at + READ_LATE_MS >= copy.dotAt && (pid === undefined || isOwner(pid)),
    );
  }

  #troubleOf(node: string, from: number, to: number): VolumeFault | undefined {
    return this.#evidence.volumeFaults.find(
      (fault) => (fault.node ?? node) === node && fault.from <= to && fault.to >= from,
    );
  }
}
