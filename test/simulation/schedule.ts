/**
 * Runs one schedule: a fleet over one volume, its mail, its faults, and a quiet end in which everything must drain. The
 * outcome depends on the plan alone.
 */
import type { LaneRelease } from '../../mta/queue/types.ts';
import { Dice } from './dice.ts';
import { whyNotDrained } from './drained.ts';
import type { Table } from './faults.ts';
import { Ledger, Violation } from './ledger.ts';
import { Loop } from './loop.ts';
import { Machine, Process } from './machine.ts';
import { NextHops } from './next-hop.ts';
import type { Plan, PlannedMessage } from './plan.ts';
import type { Operation } from './process-disk.ts';
import { Server } from './server.ts';
import { TERM_MS } from './settings.ts';
import type { State } from './states.ts';
import { Strikes, type Struck } from './strikes.ts';
import { View } from './view.ts';
import { Worker } from './worker.ts';
import type { WorkerWorld } from './worker-world.ts';

/** How long the quiet end may take. */
const DRAIN_MS = 240_000;
/** A schedule that has fewer is none. */
export const LEAST_STEPS = 200;

export interface Outcome {
  readonly steps: number;
  readonly faults: number;
  readonly answered: number;
  readonly duplicates: number;
  /** Virtual ms. */
  readonly lasted: number;
  readonly table: Table;
  readonly violation: { readonly invariant: string; readonly text: string } | undefined;
  readonly trace: readonly string[];
}

/** Resolves with what came of it; never rejects. */
export async function runSchedule(plan: Plan, tracing = false): Promise<Outcome> {
  const schedule = new Schedule(plan, tracing);
  const onRejection = (error: unknown): void => schedule.violated(error);
  process.on('unhandledRejection', onRejection);
  try {
    await schedule.run();
    await new Promise((resolve) => setImmediate(resolve));
  } catch (error) {
    schedule.violated(error);
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  return schedule.outcome();
}

class Schedule implements WorkerWorld, Struck {
  readonly dice: Dice;
  readonly ledger = new Ledger(TERM_MS);
  readonly hops: NextHops;
  readonly earlyFlush: number;
  workers: Worker[] = [];
  readonly #plan: Plan;
  readonly loop = new Loop();
  readonly server: Server;
  readonly machines: Machine[];
  /** By the index of the plan; restarted processes take the place of their predecessors. */
  readonly #places: (Worker | undefined)[];
  readonly #trace: string[] | undefined;
  readonly #strikes: Strikes;
  #sent = 0;
  #pids = 100;
  #quiet = false;
  #violation: Outcome['violation'];
  #finished = false;
  #restarting = new Set<number>();

  constructor(plan: Plan, tracing: boolean) {
    this.#plan = plan;
    this.dice = new Dice(plan.seed ^ 0x5eed);
    this.earlyFlush = plan.earlyFlush;
    this.hops = new NextHops(plan, this.dice);
    this.server = new Server(this.loop, this.dice, plan);
    this.machines = plan.nodes.map(
      (rate, i) => new Machine(`node${i}`, this.loop, new View(this.server), rate),
    );
    this.#places = plan.processes.map(() => undefined);
    this.#strikes = new Strikes(this);
    this.#trace = tracing ? [] : undefined;
  }

  get now(): number {
    return this.loop.now;
  }

  outcome(): Outcome {
    return {
      steps: this.loop.steps,
      faults: this.#strikes.count,
      answered: this.ledger.answered,
      duplicates: this.ledger.duplicates,
      lasted: Math.round(this.loop.now),
      table: this.#strikes.table,
      violation: this.#violation,
      trace: this.#trace ?? [],
    };
  }

  readonly violated = (error: unknown): void => {
    if (this.#violation) return;
    const text = error instanceof Error ? error.message : String(error);
    const invariant = error instanceof Violation ? error.invariant : 'no defect';
    this.#violation = { invariant, text: error instanceof Violation ? text : `${text} ${stackOf(error)}` };
    this.trace(() => `VIOLATION ${invariant}: ${text}`);
    this.#finished = true;
  };

  readonly trace = (line: () => string): void => {
    this.#trace?.push(`${this.loop.now.toFixed(3)} ${line()}`);
  };

  async run(): Promise<void> {
    const { messages, duration } = this.#plan;
    for (const index of this.#places.keys())
      this.loop.at(this.dice.fraction() * 300, () => this.#start(index));
    for (const [i, message] of messages.entries()) {
      this.loop.at(message.at, () => void this.#accept(`m${i}`, message, message.process, 3));
    }
    this.#strikes.plan(this.#plan);
    this.loop.at(duration, () => this.#heal());
    await this.loop.run(() => this.#finished);
    if (!this.#violation) this.#check(() => this.ledger.close());
  }

  // ---- processes --------------------------------------------------------------------------------------------------

  #start(index: number): void {
    if (this.#places[index]?.process.alive) return;
    const machine = this.machines[this.#plan.processes[index]!]!;
    if (machine.stopped) {
      this.#restart(index, 1000);
      return;
    }
    this.#pids += 1;
    const process = new Process(this.#pids, machine);
    const worker = new Worker(`p${index}.${this.#pids}`, process, this);
    this.#places[index] = worker;
    this.workers = this.#places.filter((each) => each?.process.alive === true) as Worker[];
    this.trace(() => `${worker.name} starts on ${machine.name}`);
    worker.start();
  }

  #restart(index: number, after: number): void {
    if (this.#restarting.has(index)) return;
    this.#restarting.add(index);
    this.loop.at(this.loop.now + after, () => {
      this.#restarting.delete(index);
      this.#start(index);
    });
  }

  stop(index: number, restartAfter: number): void {
    const worker = this.#places[index];
    if (!worker?.process.alive) return;
    this.trace(() => `${worker.name} is asked to stop`);
    worker.stop().then(
      () => {
        this.#die(worker);
        this.#restart(index, restartAfter);
      },
      (error: unknown) => this.violated(error),
    );
  }

  #die(worker: Worker): void {
    if (!worker.process.alive) return;
    worker.process.die();
    this.workers = this.workers.filter((each) => each !== worker);
    this.trace(() => `${worker.name} is gone`);
  }

  async #accept(key: string, message: Plan['messages'][number], index: number, tries: number): Promise<void> {
    const worker = this.#places[index];
    const taken = worker?.process.alive === true && (await worker.accept(key, message));
    if (taken || tries === 1 || this.#quiet) return;
    // A client tries again, elsewhere.
    this.loop.at(this.loop.now + 500, () => {
      void this.#accept(`${key}r${tries}`, message, (index + 1) % this.#places.length, tries - 1);
    });
  }

  // ---- what happens on the disk -----------------------------------------------------------------------------------

  begun(operation: Operation, landsAt: number): void {
    const { process, kind, state, path, to } = operation;
    this.trace(
      () =>
        `${process.pid} ${state}: ${kind} ${path.slice(6)}${to ? ` -> ${to.slice(to.lastIndexOf('/') + 1)}` : ''}`,
    );
    this.#strikes.begun(operation, landsAt);
  }

  landed(operation: Operation): void {
    const worker = this.workers.find((each) => each.process === operation.process);
    this.ledger.landed(operation, worker, this.loop.now);
  }

  released(release: LaneRelease, by: Worker): void {
    for (const worker of this.workers) {
      if (worker === by || this.dice.chance(0.3)) continue;
      const arrives = this.loop.now + 1 + this.dice.fraction() * 200;
      this.loop.at(arrives, () => worker.process.deliver(() => worker.noticed(release)));
    }
  }

  delivering(process: Process, state: State): void {
    this.#strikes.delivering(process, state);
  }

  workerAt(index: number): Worker | undefined {
    return this.#places[index];
  }

  indexOf(worker: Worker): number {
    return this.#places.indexOf(worker);
  }

  kill(worker: Worker, restartAfter: number): void {
    this.#die(worker);
    this.#restart(this.#places.indexOf(worker), restartAfter);
  }

  send(message: PlannedMessage): void {
    this.#sent += 1;
    void this.#accept(`c${this.#sent}`, message, message.process, 3);
  }

  // ---- the quiet end ----------------------------------------------------------------------------------------------

  #heal(): void {
    this.trace(() => 'everything is healed');
    this.#quiet = true;
    this.#strikes.end();
    this.hops.healed = true;
    this.server.room = Number.POSITIVE_INFINITY;
    this.server.staleness = 0;
    this.server.downUntil = 0;
    for (const machine of this.machines) {
      machine.outageUntil = 0;
      machine.startClock();
      machine.stopped = false;
      // Nobody's wall clock goes back: what was deferred by another's would wait for hours.
      machine.jump = this.#strikes.furthestJump;
    }
    // What counts in the end is on the disk: some know it from there alone.
    for (const worker of [...this.workers]) if (this.dice.chance(0.4)) this.#die(worker);
    for (const { process } of this.workers) process.resume(true);
    for (const index of this.#places.keys()) this.loop.at(this.loop.now + 50, () => this.#start(index));
    for (const worker of this.workers) worker.wake();
    this.loop.at(this.loop.now + 3000, () => this.#look(this.loop.now + DRAIN_MS));
  }

  #look(until: number): void {
    const why = whyNotDrained(this.workers, this.server);
    if (why === undefined) {
      this.#finished = true;
      return;
    }
    if (this.loop.now > until) {
      this.violated(new Violation('everything drains', why));
      return;
    }
    for (const worker of this.workers) worker.wake();
    this.loop.at(this.loop.now + 1000, () => this.#look(until));
  }

  #check(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.violated(error);
    }
  }
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 5).join(' ').trim() : '';
