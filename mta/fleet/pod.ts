/**
 * The budgets of a pod in its supervisor: asks the fleet for what all of its workers want together, and divides what the
 * pod may use among them. A worker that has ended has no connections any more; what it sent counts on for its period.
 */
import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { compileRoutes, type Routes } from '../route/destination.ts';
import { type BudgetId, budgetTimes } from './budget-types.ts';
import { Budgets } from './budgets.ts';
import { FairSplit, type Grant, type WorkerNeed } from './fair-split.ts';
import { SpentTokens } from './spent-tokens.ts';

export interface PodOptions<Worker> {
  /** Name of the pod. */
  readonly self: string;
  readonly config: MtaConfig;
  readonly clock: Clock;
  readonly send: (worker: Worker, grants: readonly Grant[]) => void;
}

/** Whose turn it is among workers for whom there are too few tokens changes after this. */
const TURN_MS = 1000;

export class Pod<Worker extends object> {
  readonly budgets: Budgets;
  readonly #options: PodOptions<Worker>;
  readonly #split = new FairSplit<Worker>();
  /** What they said last may arrive after their end. */
  readonly #ended = new WeakSet<Worker>();
  /** Tokens of rates that workers had spent which are gone. */
  readonly #spent = new Map<BudgetId, SpentTokens>();
  #config: MtaConfig;
  #routes: Routes;
  #flush: () => void = () => {};

  constructor(options: PodOptions<Worker>) {
    const { self, config, clock } = options;
    this.#options = options;
    this.#config = config;
    this.#routes = compileRoutes(config);
    const times = budgetTimes(config.queue.leaseTermSeconds);
    this.budgets = new Budgets({
      self,
      incarnation: clock.now(),
      times,
      limit: (id) => this.#limit(id),
      rest: (id) => this.#rest(id),
      // A probe that somebody else may be making just now can wait a moment.
      patience: (id) => (id.startsWith('probe ') ? times.silent / 2 : 0),
    });
  }

  /** Called when other members should hear at once what is wanted here. */
  onFlush(flush: () => void): void {
    this.#flush = flush;
  }

  load(config: MtaConfig): void {
    this.#config = config;
    this.#routes = compileRoutes(config);
    this.refresh();
  }

  needs(worker: Worker, needs: readonly WorkerNeed[]): void {
    if (this.#ended.has(worker)) return;
    for (const need of needs) this.#split.need(worker, need);
    this.#divide(new Set(needs.map(({ id }) => id)));
  }

  /** A worker has ended. */
  gone(worker: Worker): void {
    this.#ended.add(worker);
    const now = this.#options.clock.monotonic();
    const had = this.#split.gone(worker);
    for (const { id, use } of had) {
      const seconds = this.#rest(id) / 1000;
      if (seconds === 0 || use === 0) continue;
      const spent = this.#spent.get(id) ?? new SpentTokens(seconds);
      spent.spend(now, use);
      this.#spent.set(id, spent);
    }
    this.#divide(had.map(({ id }) => id));
  }

  /** What the pod may use has changed, or may have by now. */
  refresh(): void {
    this.#divide(new Set([...this.#ids(), ...this.budgets.ids()]));
  }

  /** Of every budget that is in use here or wanted. */
  state(): readonly {
    readonly id: BudgetId;
    readonly want: number;
    readonly use: number;
    readonly tokens: number;
  }[] {
    const now = this.#options.clock.monotonic();
    return [...this.#ids()].map((id) => ({
      id,
      ...this.#sum(id, now),
      tokens: this.budgets.allowance(id, now),
    }));
  }

  /** In use or wanted here. */
  #ids(): Set<BudgetId> {
    return new Set([...this.#split.ids(), ...this.#spent.keys()]);
  }

  /** Of all workers, those that are gone among them. */
  #sum(id: BudgetId, now: number): { want: number; use: number } {
    const spent = this.#spentBefore(id, now);
    const { want, use } = this.#split.sum(id);
    return { want: want + spent, use: use + spent };
  }

  #spentBefore(id: BudgetId, now: number): number {
    const count = this.#spent.get(id)?.count(now) ?? 0;
    if (count === 0) this.#spent.delete(id);
    return count;
  }

  #divide(ids: Iterable<BudgetId>): void {
    const { clock, send } = this.#options;
    const now = clock.monotonic();
    const sent = new Map<Worker, Grant[]>();
    for (const id of ids) {
      const { want, use } = this.#sum(id, now);
      this.budgets.need(id, want, use, now);
      const tokens = Math.max(0, this.budgets.allowance(id, now) - this.#spentBefore(id, now));
      for (const [worker, grant] of this.#split.divide(id, tokens, Math.floor(now / TURN_MS))) {
        sent.set(worker, [...(sent.get(worker) ?? []), grant]);
      }
      const after = this.#sum(id, now);
      if (after.use !== use) this.budgets.need(id, want, after.use, now);
    }
    for (const [worker, grants] of sent) send(worker, grants);
    this.#flush();
  }

  #limit(id: BudgetId): number {
    const [kind, key] = parts(id);
    const { connectionsPerDestination } = this.#config.delivery;
    const destination = this.#routes.destination(key);
    const limits = destination?.kind === 'relay' ? destination.relay.limits : undefined;
    if (kind === 'probe') return 1;
    if (kind === 'rate') return limits?.rate?.messages ?? 0;
    return limits?.connections ?? connectionsPerDestination;
  }

  #rest(id: BudgetId): number {
    const [kind, key] = parts(id);
    const destination = this.#routes.destination(key);
    const rate = destination?.kind === 'relay' ? destination.relay.limits.rate : undefined;
    return kind === 'rate' ? (rate?.seconds ?? 0) * 1000 : 0;
  }
}

function parts(id: BudgetId): [kind: string, key: string] {
  const space = id.indexOf(' ');
  return [id.slice(0, space), id.slice(space + 1)];
}
