/**
 * Members and their budgets in a simulated clock and network: messages are late, lost, and reordered; members are cut off,
 * die, come back and are named late. What is in use is what they have begun and not ended. All from one seed.
 */
import { type BudgetMessage, type BudgetTimes, budgetTimes } from '../budget-types.ts';
import { Budgets } from '../budgets.ts';

export const ID = 'connections mx:a.test';
export const TERM_SECONDS = 9;
export const TIMES: BudgetTimes = budgetTimes(TERM_SECONDS);
export const STEP_MS = 100;
const BEAT_MS = TERM_SECONDS * 125;

/** mulberry32: small, and good enough to choose faults with. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let hash = Math.imul(state ^ (state >>> 15), 1 | state);
    hash = (hash + Math.imul(hash ^ (hash >>> 7), 61 | hash)) ^ hash;
    return ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface WorldOptions {
  readonly seed: number;
  readonly members: number;
  readonly limit: number;
  /** Infinity for members that never begin without a token. */
  readonly patience: number;
  /** Longest attempt, in ms. */
  readonly attemptMs?: number;
  readonly restMs?: number;
}

interface Pod {
  readonly name: string;
  budgets: Budgets | undefined;
  /** Ends of what is under way. */
  attempts: number[];
  want: number;
  beatAt: number;
}

type Delivery = { at: number; run: () => void };

export class BudgetWorld {
  readonly pods: Pod[];
  readonly random: () => number;
  now = 1000;
  /** Pairs that can't reach each other, as `a b`. */
  readonly cut = new Set<string>();
  faulty = false;
  readonly #options: WorldOptions;
  readonly #clocks: number[];
  #network: Delivery[] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = randomOf(options.seed);
    this.pods = Array.from({ length: options.members }, (_, n) => ({
      name: `pod-${n}`,
      budgets: undefined,
      attempts: [],
      want: 0,
      beatAt: 0,
    }));
    // Monotonic clocks have nothing to do with each other.
    this.#clocks = this.pods.map(() => Math.floor(this.random() * 1e6));
    for (const pod of this.pods) this.start(pod);
  }

  get names(): string[] {
    return this.pods.map(({ name }) => name);
  }

  get inUse(): number {
    return this.pods.reduce((sum, { attempts }) => sum + attempts.length, 0);
  }

  time(pod: Pod): number {
    return this.now + this.#clocks[this.pods.indexOf(pod)]!;
  }

  start(pod: Pod, names = this.names): void {
    const { limit, patience, restMs = 0 } = this.#options;
    pod.budgets = new Budgets({
      self: pod.name,
      // Wall clocks are off: one that comes later may say an earlier time.
      incarnation: this.now + Math.floor(this.random() * 20_000),
      times: TIMES,
      limit: () => limit,
      rest: () => restMs,
      patience: () => patience,
    });
    pod.budgets.begin(names, this.time(pod));
    pod.beatAt = this.now;
  }

  /** Its connections end with it. */
  kill(pod: Pod): void {
    pod.budgets = undefined;
    pod.attempts = [];
  }

  step(): void {
    this.now += STEP_MS;
    for (const delivery of this.#network.filter(({ at }) => at <= this.now)) delivery.run();
    this.#network = this.#network.filter(({ at }) => at > this.now);
    for (const pod of this.pods) this.#work(pod);
    for (const pod of this.pods) this.#talk(pod);
  }

  #work(pod: Pod): void {
    const { budgets } = pod;
    pod.attempts = pod.attempts.filter((end) => end > this.now);
    if (budgets === undefined) return;
    const now = this.time(pod);
    budgets.need(ID, pod.want, pod.attempts.length, now);
    const longest = this.#options.attemptMs ?? TIMES.grace;
    while (pod.attempts.length < Math.min(pod.want, budgets.allowance(ID, now))) {
      pod.attempts.push(this.now + Math.ceil(this.random() * longest));
      budgets.need(ID, pod.want, pod.attempts.length, now);
    }
  }

  #talk(pod: Pod): void {
    if (pod.budgets === undefined) return;
    const now = this.time(pod);
    const to = new Set(pod.budgets.takeDue());
    if (this.now >= pod.beatAt) {
      pod.beatAt = this.now + BEAT_MS;
      pod.budgets.tick(now);
      for (const { name } of this.pods) if (name !== pod.name) to.add(name);
    }
    for (const name of to) this.#call(pod, name);
  }

  /** A message, and one for an answer. */
  #call(pod: Pod, name: string): void {
    const other = this.pods.find((each) => each.name === name)!;
    const message = pod.budgets!.message(name, this.time(pod));
    this.#send(pod, other, message, () => {
      if (other.budgets === undefined) return;
      this.#send(other, pod, other.budgets.message(pod.name, this.time(other)), () => {});
    });
  }

  #send(from: Pod, to: Pod, message: BudgetMessage, then: () => void): void {
    if (this.faulty && this.random() < 0.1) return;
    const late = this.faulty && this.random() < 0.1 ? this.random() * 2 * TERM_SECONDS * 1000 : 0;
    const copy = structuredClone(message);
    this.#network.push({
      at: this.now + this.random() * STEP_MS + late,
      run: () => {
        if (this.cut.has(`${from.name} ${to.name}`) || to.budgets === undefined) return;
        to.budgets.receive(from.name, copy, this.time(to));
        then();
      },
    });
  }
}
