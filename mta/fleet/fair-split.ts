/**
 * Divides what a pod may use of a budget among its workers. A token is a worker's until the worker has said that it no
 * longer is, so that all together never use more than the pod has. Pure state: the channel to a worker keeps the order
 * of messages, and a worker that is gone uses nothing.
 */
import type { BudgetId } from './budget-types.ts';
import { divide } from './shares.ts';

export interface WorkerNeed {
  readonly id: BudgetId;
  /** What it would use if it had all. */
  readonly want: number;
  readonly use: number;
  /** Number of the newest grant that it goes by; 0 for none. */
  readonly by: number;
}

export interface Grant {
  readonly id: BudgetId;
  readonly tokens: number;
  readonly number: number;
}

interface Part {
  want: number;
  use: number;
  granted: number;
  /** Number of the last grant. */
  number: number;
  /** The most that it may go by: grants that it hasn't confirmed among them. */
  most: number;
}

export class FairSplit<Worker> {
  readonly #parts = new Map<BudgetId, Map<Worker, Part>>();
  #number = 0;

  need(worker: Worker, { id, want, use, by }: WorkerNeed): void {
    let parts = this.#parts.get(id);
    if (parts === undefined) {
      parts = new Map();
      this.#parts.set(id, parts);
    }
    const part = parts.get(worker) ?? { want: 0, use: 0, granted: 0, number: 0, most: 0 };
    parts.set(worker, part);
    Object.assign(part, { want, use });
    if (by >= part.number) part.most = part.granted;
    // It has forgotten the budget, and its tokens with it.
    if (want === 0 && use === 0 && by >= part.number) parts.delete(worker);
    if (parts.size === 0) this.#parts.delete(id);
  }

  /** Budgets that the worker had a part in, and what it used of each, by its last word. */
  gone(worker: Worker): { readonly id: BudgetId; readonly use: number }[] {
    const had: { id: BudgetId; use: number }[] = [];
    for (const [id, parts] of this.#parts) {
      const part = parts.get(worker);
      if (part === undefined) continue;
      parts.delete(worker);
      had.push({ id, use: part.use });
      if (parts.size === 0) this.#parts.delete(id);
    }
    return had;
  }

  ids(): IterableIterator<BudgetId> {
    return this.#parts.keys();
  }

  /** What all workers want, and the most that they may be using. */
  sum(id: BudgetId): { want: number; use: number } {
    const parts = [...(this.#parts.get(id)?.values() ?? [])];
    return {
      want: parts.reduce((sum, { want }) => sum + want, 0),
      use: parts.reduce((sum, part) => sum + boundOf(part), 0),
    };
  }

  /** Grants to be sent, where the pod has `tokens` just now. */
  divide(id: BudgetId, tokens: number, turn: number): [Worker, Grant][] {
    const all = [...(this.#parts.get(id) ?? [])];
    const parts = all.map(([, part]) => part);
    const fair = divide(
      tokens,
      parts.map(({ want }) => want),
      turn,
    );
    const left = tokens - fair.reduce((sum, given) => sum + given, 0);
    // What nobody wants yet is divided too: the next message need not ask.
    const even = Math.ceil(tokens / Math.max(1, parts.length));
    const spare = divide(
      left,
      fair.map((given) => Math.max(0, even - given)),
      0,
    );
    const targets = fair.map((given, index) => given + spare[index]!);
    const used = parts.reduce((sum, part) => sum + boundOf(part), 0);
    const hungry = parts.some(({ want, granted }, index) => want > granted && targets[index]! > granted);
    let free = Math.max(0, tokens - used);
    return all.flatMap(([worker, part], index) => {
      const target = targets[index]!;
      const more = Math.min(Math.max(0, target - Math.max(part.granted, part.most)), free);
      let granted = part.granted;
      if (more > 0) granted = Math.max(part.granted, part.most) + more;
      else if (target < part.granted && (hungry || used > tokens)) granted = target;
      free -= more;
      if (granted === part.granted) return [];
      this.#number += 1;
      Object.assign(part, { granted, number: this.#number, most: Math.max(part.most, granted) });
      return [[worker, { id, tokens: granted, number: this.#number }]];
    });
  }
}

const boundOf = ({ most, use }: Part) => Math.max(most, use);
