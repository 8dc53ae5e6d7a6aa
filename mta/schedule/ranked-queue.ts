/**
 * What waits, the highest priority first (RFC 6710 §5.1), and fair between senders within each. Nearly all mail has
 * priority 0: queues for the others are made as they are needed.
 */
import { type FairLines, FairQueue } from './fair-queue.ts';
import type { Plan } from './plan.ts';

interface Rank {
  readonly priority: number;
  readonly queue: FairQueue;
}

const NONE: readonly Rank[] = [];

export class RankedQueue {
  readonly #lines: FairLines;
  readonly #usual: FairQueue;
  /** Of priorities other than 0; the highest first, none of them empty. */
  #others: readonly Rank[] = NONE;

  constructor(lines: FairLines) {
    this.#lines = lines;
    this.#usual = new FairQueue(lines);
  }

  get size(): number {
    return this.#others.reduce((sum, { queue }) => sum + queue.size, this.#usual.size);
  }

  /** Of what comes next; -Infinity where there is nothing. */
  get priority(): number {
    const [first] = this.#others;
    if (this.#usual.size > 0) return Math.max(0, first?.priority ?? 0);
    return first?.priority ?? Number.NEGATIVE_INFINITY;
  }

  push(sender: string, plan: Plan, priority: number): void {
    (priority === 0 ? this.#usual : this.#rankOf(priority)).push(sender, plan);
  }

  shift(): Plan | undefined {
    const [first] = this.#others;
    if (first === undefined || (first.priority < 0 && this.#usual.size > 0)) return this.#usual.shift();
    const plan = first.queue.shift();
    if (first.queue.size === 0) this.#others = this.#others.slice(1);
    return plan;
  }

  #rankOf(priority: number): FairQueue {
    const known = this.#others.find((rank) => rank.priority === priority);
    if (known !== undefined) return known.queue;
    const queue = new FairQueue(this.#lines);
    this.#others = [...this.#others, { priority, queue }].sort((a, b) => b.priority - a.priority);
    return queue;
  }
}
