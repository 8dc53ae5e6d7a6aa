/** Strikes the faults of a plan when their moment has come, and sees to what each sets off. */
import { Aims } from './aims.ts';
import type { Dice } from './dice.ts';
import { befalls, type FaultKind, isOperationFault, Table } from './faults.ts';
import type { Loop } from './loop.ts';
import type { Machine, Process } from './machine.ts';
import type { Plan, PlannedFault, PlannedMessage, Who } from './plan.ts';
import type { Operation } from './process-disk.ts';
import type { Server } from './server.ts';
import type { State } from './states.ts';
import type { Worker } from './worker.ts';

/** The fleet that is struck. */
export interface Struck {
  readonly dice: Dice;
  readonly loop: Loop;
  readonly server: Server;
  readonly machines: readonly Machine[];
  /** Those that are alive. */
  readonly workers: readonly Worker[];
  /** By the index of the plan; one that has died where none has taken its place. */
  workerAt(index: number): Worker | undefined;
  indexOf(worker: Worker): number;
  kill(worker: Worker, restartAfter: number): void;
  /** Asks it to stop. */
  stop(index: number, restartAfter: number): void;
  /** A client comes with a message. */
  send(message: PlannedMessage): void;
  trace(line: () => string): void;
}

export class Strikes {
  readonly table = new Table();
  readonly #fleet: Struck;
  readonly #aims = new Aims();
  /** That have struck. */
  count = 0;
  /** Furthest that a wall clock has jumped ahead, in ms. */
  furthestJump = 0;
  #over = false;

  constructor(fleet: Struck) {
    this.#fleet = fleet;
  }

  plan({ faults, stops }: Plan): void {
    const { loop } = this.#fleet;
    for (const fault of faults) this.#await(fault);
    for (const { at, process, restartAfter } of stops) {
      loop.at(at, () => this.#fleet.stop(process, restartAfter));
    }
  }

  /** Nothing strikes any more. */
  end(): void {
    this.#over = true;
  }

  /** An operation is begun: a fault may strike it, or whoever does it. */
  begun(operation: Operation, landsAt: number): void {
    if (this.#over) return;
    const { process, kind, state } = operation;
    const { dice, loop } = this.#fleet;
    const hit = this.#aims.hit(
      (fault) =>
        this.#isAimedAt(fault, process) &&
        (fault.state === undefined || fault.state === state) &&
        (!isOperationFault(fault.kind) || befalls(fault.kind, kind)),
    );
    for (const fault of hit) {
      if (!isOperationFault(fault.kind)) {
        const moment = loop.now + dice.fraction() * 1.2 * (landsAt - loop.now);
        loop.at(moment, () => this.#strike(fault, process));
      } else if (operation.fault === undefined) {
        operation.fault = fault.kind;
        this.#struck(fault.kind, [state]);
        this.#fleet.trace(() => `FAULT ${fault.kind} of ${kind} by ${process.pid}`);
        this.#setOff(fault, process);
      }
    }
  }

  /** A delivery is in a state in which a fault may strike. */
  delivering(process: Process, state: State): void {
    if (this.#over) return;
    const { dice, loop } = this.#fleet;
    for (const fault of this.#aims.hit((each) => each.state === state && this.#isAimedAt(each, process))) {
      loop.at(loop.now + dice.fraction() * 30, () => this.#strike(fault, process));
    }
  }

  /** @param since virtual ms that its moments are counted from */
  #await(fault: PlannedFault, since = 0): void {
    const { loop } = this.#fleet;
    if (fault.state === undefined) loop.at(since + fault.at, () => this.#aimAtNext(fault));
    else if (fault.state === 'idle')
      loop.at(since + 300 + fault.nth * 700, () => this.#aimAtIdle(fault, 200));
    else if (since === 0) this.#aims.add(fault);
    else loop.at(since + fault.at, () => this.#aims.add(fault));
  }

  #isAimedAt({ process: aim }: PlannedFault, process: Process): boolean {
    return aim === undefined || this.#workerAt(aim)?.process === process;
  }

  /** A fault that waits for no state: of the next operation, or of whatever its process is doing. */
  #aimAtNext(fault: PlannedFault): void {
    if (this.#over) return;
    if (isOperationFault(fault.kind)) {
      this.#aims.add({ ...fault, process: undefined });
      return;
    }
    const worker = this.#workerAt(fault.process ?? 0);
    const living = worker?.process.alive ? worker : this.#fleet.workers[0];
    if (living) this.#strike(fault, living.process);
  }

  #aimAtIdle(fault: PlannedFault, tries: number): void {
    if (this.#over) return;
    const { workers, dice, loop } = this.#fleet;
    const { process } = dice.pick(workers.length > 0 ? workers : [undefined]) ?? {};
    if (process && !process.paused && process.states()[0] === 'idle') this.#strike(fault, process);
    else if (tries > 0) loop.at(loop.now + 10, () => this.#aimAtIdle(fault, tries - 1));
  }

  #struck(kind: FaultKind, states: readonly State[]): void {
    this.count += 1;
    for (const state of states) this.table.add(kind, state);
  }

  // ---- what a fault sets off --------------------------------------------------------------------------------------

  /** Names of processes, at any depth, are those of the last fault that struck. */
  #setOff({ kind, setsOff = [] }: PlannedFault, process: Process): void {
    if (setsOff.length === 0) return;
    const { workers, dice, loop } = this.#fleet;
    if (kind === 'go on' || kind === 'stop') {
      for (const fault of setsOff) this.#await(fault, loop.now);
      return;
    }
    const indexOf = (one: Worker | undefined): number | undefined => one && this.#fleet.indexOf(one);
    const struck = indexOf(workers.find((worker) => worker.process === process));
    const others = workers.filter((worker) => worker.process !== process && !worker.process.paused);
    const other = others.length > 0 ? indexOf(dice.pick(others)) : undefined;
    const resolve = (who: Who | undefined): number | undefined =>
      who === 'struck' ? struck : who === 'other' ? other : who;
    const resolved = (fault: PlannedFault): PlannedFault => ({
      ...fault,
      process: resolve(fault.process),
      ...(fault.setsOff ? { setsOff: fault.setsOff.map(resolved) } : {}),
    });
    for (const fault of setsOff) this.#await(resolved(fault), loop.now);
  }

  #strike(fault: PlannedFault, process: Process): void {
    if (this.#over || !process.alive) return;
    if (process.paused && (fault.kind === 'kill' || fault.kind === 'pause')) return;
    for (const message of fault.mail ?? []) this.#send(message, process);
    switch (fault.kind) {
      case 'go on':
        this.#fleet.trace(() => `p${process.pid} goes on`);
        process.resume();
        break;
      case 'stop':
        this.#fleet.stop(this.#indexOf(process), fault.restartAfter);
        break;
      default:
        this.#harm(fault.kind, fault, process);
    }
    this.#setOff(fault, process);
  }

  #send(message: PlannedMessage, process: Process): void {
    const { loop } = this.#fleet;
    const index = this.#indexOf(process);
    loop.at(loop.now + message.at, () => this.#fleet.send({ ...message, process: index }));
  }

  #indexOf(process: Process): number {
    return this.#fleet.indexOf(this.#fleet.workers.find((worker) => worker.process === process)!);
  }

  #workerAt(who: Who): Worker | undefined {
    return typeof who === 'number' ? this.#fleet.workerAt(who) : undefined;
  }

  // ---- the faults -------------------------------------------------------------------------------------------------

  #harm(kind: FaultKind, { lasts, restartAfter }: PlannedFault, process: Process): void {
    const { dice, loop, server, machines, workers } = this.#fleet;
    const { machine } = process;
    const onMachine = workers.filter((worker) => worker.process.machine === machine);
    const everybody = kind === 'server crash' || kind === 'full volume';
    const isLocal = kind === 'kill' || kind === 'pause';
    const struck = everybody ? workers : isLocal ? [] : onMachine;
    const states = new Set(isLocal ? process.states() : struck.flatMap((each) => [...each.process.states()]));
    this.#struck(kind, [...states]);
    this.#fleet.trace(() => `FAULT ${kind} at p${process.pid}: ${[...states].join(', ')} (${lasts} ms)`);
    const until = loop.now + lasts;
    switch (kind) {
      case 'kill': {
        const worker = workers.find((each) => each.process === process);
        if (worker) this.#fleet.kill(worker, restartAfter);
        machine.view.flushLater();
        return;
      }
      case 'pause':
        process.pause();
        loop.at(until, () => process.resume());
        return;
      case 'node crash':
        for (const worker of onMachine) this.#fleet.kill(worker, restartAfter);
        machine.boot += 1;
        machine.view.mount += 1;
        machine.view.forget();
        return;
      case 'clock stop': {
        // A machine that is paused and goes on: with a clock that has gone on meanwhile, or one that has not.
        if (dice.chance(0.7)) machine.stopClock();
        machine.stopped = true;
        for (const { process: each } of onMachine) each.pause();
        loop.at(until, () => {
          machine.startClock();
          machine.stopped = false;
          for (const { process: each } of onMachine) each.resume();
        });
        return;
      }
      case 'server crash':
        server.crash(machines.map(({ view }) => view));
        server.downUntil = until;
        return;
      case 'outage':
        machine.outageUntil = until;
        machine.outageFails = dice.chance(0.5);
        if (dice.chance(0.5)) {
          // A client that was started anew knows neither its files nor what it had not sent.
          machine.view.mount += 1;
          machine.view.forget();
        }
        return;
      case 'clock jump':
        machine.jump += Math.round((dice.fraction() - 0.3) * 10 * 3600_000);
        this.furthestJump = Math.max(this.furthestJump, machine.jump);
        return;
      case 'full volume':
        server.room = 0;
        loop.at(until, () => {
          server.room = Number.POSITIVE_INFINITY;
        });
        return;
      default:
        throw new Error(`${kind} strikes operations`);
    }
  }
}
