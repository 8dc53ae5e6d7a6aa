/**
 * Runs one schedule: a fleet over one volume, its mail, its faults, and a quiet end in which everything must drain. The
 * outcome depends on the plan alone.
 */
import type { LaneRelease } from '../../mta/queue/types.ts';
import { Aims } from './aims.ts';
import { Dice } from './dice.ts';
import { whyNotDrained } from './drained.ts';
import { befalls, type FaultKind, isOperationFault, Table } from './faults.ts';
import { Ledger, Violation } from './ledger.ts';
import { Loop } from './loop.ts';
import { Machine, Process } from './machine.ts';
import { NextHops } from './next-hop.ts';
import type { Plan, PlannedFault } from './plan.ts';
import type { Operation } from './process-disk.ts';
import { Server } from './server.ts';
import { TERM_MS } from './settings.ts';
import type { State } from './states.ts';
import { View } from './view.ts';
import { Worker, type WorkerWorld } from './worker.ts';

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

class Schedule implements WorkerWorld {
  readonly dice: Dice;
  readonly ledger = new Ledger(TERM_MS);
  readonly hops: NextHops;
  readonly earlyFlush: number;
  workers: Worker[] = [];
  readonly #plan: Plan;
  readonly #loop = new Loop();
  readonly #server: Server;
  readonly #machines: Machine[];
  /** By the index of the plan; restarted processes take the place of their predecessors. */
  readonly #places: (Worker | undefined)[];
  readonly #table = new Table();
  readonly #trace: string[] | undefined;
  readonly #aims = new Aims();
  #faults = 0;
  #pids = 100;
  #quiet = false;
  #furthestJump = 0;
  #violation: Outcome['violation'];
  #finished = false;
  #restarting = new Set<number>();

  constructor(plan: Plan, tracing: boolean) {
    this.#plan = plan;
    this.dice = new Dice(plan.seed ^ 0x5eed);
    this.earlyFlush = plan.earlyFlush;
    this.hops = new NextHops(plan, this.dice);
    this.#server = new Server(this.#loop, this.dice, plan.semantics, plan.staleness);
    this.#machines = plan.nodes.map(
      (rate, i) => new Machine(`node${i}`, this.#loop, new View(this.#server), rate),
    );
    this.#places = plan.processes.map(() => undefined);
    for (const fault of plan.faults) if (fault.state !== undefined) this.#aims.add(fault);
    this.#trace = tracing ? [] : undefined;
  }

  get now(): number {
    return this.#loop.now;
  }

  outcome(): Outcome {
    return {
      steps: this.#loop.steps,
      faults: this.#faults,
      answered: this.ledger.answered,
      duplicates: this.ledger.duplicates,
      lasted: Math.round(this.#loop.now),
      table: this.#table,
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
    this.#trace?.push(`${this.#loop.now.toFixed(3)} ${line()}`);
  };

  async run(): Promise<void> {
    const { messages, faults, stops, duration } = this.#plan;
    for (const index of this.#places.keys())
      this.#loop.at(this.dice.fraction() * 300, () => this.#start(index));
    for (const [i, message] of messages.entries()) {
      this.#loop.at(message.at, () => void this.#accept(`m${i}`, message, message.process, 3));
    }
    for (const fault of faults) {
      if (fault.state === undefined) this.#loop.at(fault.at, () => this.#aimAtNext(fault));
      else if (fault.state === 'idle')
        this.#loop.at(300 + fault.nth * 700, () => this.#aimAtIdle(fault, 200));
    }
    for (const stop of stops) this.#loop.at(stop.at, () => this.#stop(stop.process, stop.restartAfter));
    this.#loop.at(duration, () => this.#heal());
    await this.#loop.run(() => this.#finished);
    if (!this.#violation) this.#check(() => this.ledger.close());
  }

  // ---- processes --------------------------------------------------------------------------------------------------

  #start(index: number): void {
    if (this.#places[index]?.process.alive) return;
    const machine = this.#machines[this.#plan.processes[index]!]!;
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
    this.#loop.at(this.#loop.now + after, () => {
      this.#restarting.delete(index);
      this.#start(index);
    });
  }

  #stop(index: number, restartAfter: number): void {
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
    this.#loop.at(this.#loop.now + 500, () => {
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
    if (this.#quiet) return;
    const hit = this.#aims.hit(
      (fault) =>
        this.#isAimedAt(fault, process) &&
        (fault.state === undefined || fault.state === state) &&
        (!isOperationFault(fault.kind) || befalls(fault.kind, kind)),
    );
    for (const fault of hit) {
      if (!isOperationFault(fault.kind)) {
        const moment = this.#loop.now + this.dice.fraction() * 1.2 * (landsAt - this.#loop.now);
        this.#loop.at(moment, () => this.#strike(fault, process));
      } else if (operation.fault === undefined) {
        operation.fault = fault.kind;
        this.#struck(fault.kind, [state]);
        this.trace(() => `FAULT ${fault.kind} of ${kind} by ${process.pid}`);
      }
    }
  }

  landed(operation: Operation): void {
    const worker = this.workers.find((each) => each.process === operation.process);
    this.ledger.landed(operation, worker, this.#loop.now);
  }

  released(release: LaneRelease, by: Worker): void {
    for (const worker of this.workers) {
      if (worker === by || this.dice.chance(0.3)) continue;
      const arrives = this.#loop.now + 1 + this.dice.fraction() * 200;
      this.#loop.at(arrives, () => worker.process.deliver(() => worker.noticed(release)));
    }
  }

  delivering(process: Process, state: State): void {
    if (this.#quiet) return;
    for (const fault of this.#aims.hit((each) => each.state === state && this.#isAimedAt(each, process))) {
      this.#loop.at(this.#loop.now + this.dice.fraction() * 30, () => this.#strike(fault, process));
    }
  }

  #isAimedAt(fault: PlannedFault, process: Process): boolean {
    return fault.process === undefined || this.#places[fault.process]?.process === process;
  }

  // ---- faults -----------------------------------------------------------------------------------------------------

  /** A fault that waits for no state: of the next operation, or of whatever its process is doing. */
  #aimAtNext(fault: PlannedFault): void {
    if (this.#quiet) return;
    if (isOperationFault(fault.kind)) {
      this.#aims.add({ ...fault, process: undefined });
      return;
    }
    const worker = this.#places[fault.process ?? 0];
    const living = worker?.process.alive ? worker : this.workers[0];
    if (living) this.#strike(fault, living.process);
  }

  #aimAtIdle(fault: PlannedFault, tries: number): void {
    if (this.#quiet) return;
    const { process } = this.dice.pick(this.workers.length > 0 ? this.workers : [undefined]) ?? {};
    if (process && !process.paused && process.states()[0] === 'idle') this.#strike(fault, process);
    else if (tries > 0) this.#loop.at(this.#loop.now + 10, () => this.#aimAtIdle(fault, tries - 1));
  }

  #struck(kind: FaultKind, states: readonly State[]): void {
    this.#faults += 1;
    for (const state of states) this.#table.add(kind, state);
  }

  #strike(fault: PlannedFault, process: Process): void {
    if (this.#quiet || !process.alive || process.paused) return;
    const { kind, lasts, restartAfter } = fault;
    const { machine } = process;
    const onMachine = this.#workersOn(machine);
    const everybody = kind === 'server crash' || kind === 'full volume';
    const isLocal = kind === 'kill' || kind === 'pause';
    const struck = everybody ? this.workers : isLocal ? [] : onMachine;
    const states = new Set(isLocal ? process.states() : struck.flatMap((each) => [...each.process.states()]));
    this.#struck(kind, [...states]);
    this.trace(() => `FAULT ${kind} at p${process.pid}: ${[...states].join(', ')} (${lasts} ms)`);
    const until = this.#loop.now + lasts;
    switch (kind) {
      case 'kill': {
        const worker = this.workers.find((each) => each.process === process);
        if (worker) this.#kill(worker, restartAfter);
        machine.view.flushLater();
        return;
      }
      case 'pause':
        process.pause();
        this.#loop.at(until, () => process.resume());
        return;
      case 'node crash':
        for (const worker of onMachine) this.#kill(worker, restartAfter);
        machine.boot += 1;
        machine.view.mount += 1;
        machine.view.forget();
        return;
      case 'clock stop': {
        // A machine that is paused and goes on: with a clock that has gone on meanwhile, or one that has not.
        if (this.dice.chance(0.7)) machine.stopClock();
        machine.stopped = true;
        for (const { process: each } of onMachine) each.pause();
        this.#loop.at(until, () => {
          machine.startClock();
          machine.stopped = false;
          for (const { process: each } of onMachine) each.resume();
        });
        return;
      }
      case 'server crash':
        this.#server.crash(this.#machines.map(({ view }) => view));
        this.#server.downUntil = until;
        return;
      case 'outage':
        machine.outageUntil = until;
        machine.outageFails = this.dice.chance(0.5);
        if (this.dice.chance(0.5)) {
          // A client that was started anew knows neither its files nor what it had not sent.
          machine.view.mount += 1;
          machine.view.forget();
        }
        return;
      case 'clock jump':
        machine.jump += Math.round((this.dice.fraction() - 0.3) * 10 * 3600_000);
        this.#furthestJump = Math.max(this.#furthestJump, machine.jump);
        return;
      case 'full volume':
        this.#server.full = true;
        this.#loop.at(until, () => {
          this.#server.full = false;
        });
        return;
      default:
        throw new Error(`${kind} strikes operations`);
    }
  }

  #kill(worker: Worker, restartAfter: number): void {
    this.#die(worker);
    this.#restart(this.#places.indexOf(worker), restartAfter);
  }

  #workersOn(machine: Machine): Worker[] {
    return this.workers.filter(({ process }) => process.machine === machine);
  }

  // ---- the quiet end ----------------------------------------------------------------------------------------------

  #heal(): void {
    this.trace(() => 'everything is healed');
    this.#quiet = true;
    this.hops.healed = true;
    this.#server.full = false;
    this.#server.staleness = 0;
    this.#server.downUntil = 0;
    for (const machine of this.#machines) {
      machine.outageUntil = 0;
      machine.startClock();
      machine.stopped = false;
      // Nobody's wall clock goes back: what was deferred by another's would wait for hours.
      machine.jump = this.#furthestJump;
    }
    for (const { process } of this.workers) process.resume(true);
    for (const index of this.#places.keys()) this.#restart(index, 50);
    for (const worker of this.workers) worker.wake();
    this.#loop.at(this.#loop.now + 3000, () => this.#look(this.#loop.now + DRAIN_MS));
  }

  #look(until: number): void {
    const why = whyNotDrained(this.workers, this.#server);
    if (why === undefined) {
      this.#finished = true;
      return;
    }
    if (this.#loop.now > until) {
      this.violated(new Violation('everything drains', why));
      return;
    }
    for (const worker of this.workers) worker.wake();
    this.#loop.at(this.#loop.now + 1000, () => this.#look(until));
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
