/**
 * Machines and the processes on them: each has its own clock, which drifts, jumps and stops; a process may be paused
 * between any two of its events, or be gone. What it had under way on the disk goes on without it.
 */
import type { Clock } from '../../mta/clock.ts';
import type { Host, Owner } from '../../mta/queue/host.ts';
import type { Loop } from './loop.ts';
import type { State } from './states.ts';
import { Tracker } from './states.ts';
import type { View } from './view.ts';

const EPOCH = 1_700_000_000_000;

export class Machine {
  readonly name: string;
  readonly loop: Loop;
  readonly view: View;
  /** Its monotonic ms per virtual ms. */
  readonly rate: number;
  boot = 1;
  /** Nothing on it runs. */
  stopped = false;
  /** Wall clock against the truth, in ms. */
  jump = 0;
  processes: Process[] = [];
  /** Virtual time at which the mount is back, and whether operations fail until then or hang. */
  outageUntil = 0;
  outageFails = false;
  /** Virtual time when its monotonic clock last went on after standing still. */
  stoppedUntil = Number.NEGATIVE_INFINITY;
  #stopped = 0;
  #stoppedSince: number | undefined;

  constructor(name: string, loop: Loop, view: View, rate: number) {
    this.name = name;
    this.loop = loop;
    this.view = view;
    this.rate = rate;
  }

  wall(): number {
    return EPOCH + Math.round(this.loop.now * this.rate) + this.jump;
  }

  monotonic(): number {
    return ((this.#stoppedSince ?? this.loop.now) - this.#stopped) * this.rate + 1000;
  }

  stopClock(): void {
    this.#stoppedSince ??= this.loop.now;
  }

  startClock(): void {
    if (this.#stoppedSince === undefined) return;
    this.#stopped += this.loop.now - this.#stoppedSince;
    this.#stoppedSince = undefined;
    this.stoppedUntil = this.loop.now;
  }
}

export class Process {
  readonly pid: number;
  readonly machine: Machine;
  readonly tracker = new Tracker();
  readonly clock: Clock;
  readonly host: Host;
  alive = true;
  /** Of its own, and of its machine: it goes on when all are over. */
  #pauses = 0;
  #held: (() => void)[] = [];
  /** States of what is under way, each as often as it is. */
  readonly #states = new Map<State, number>();

  constructor(pid: number, machine: Machine) {
    this.pid = pid;
    this.machine = machine;
    machine.processes.push(this);
    const { loop } = machine;
    this.clock = {
      now: () => machine.wall(),
      monotonic: () => machine.monotonic(),
      after: (ms, callback) => this.#after(ms, callback),
      soon: (callback) => loop.soon(() => this.deliver(callback)),
    };
    const self: Owner = {
      hostname: machine.name,
      boot: `boot-${machine.boot}`,
      pidNamespace: 'pids',
      pid,
      startTime: '1',
    };
    this.host = { self: () => self, isGone: (owner) => this.#isGone(owner) };
  }

  get paused(): boolean {
    return this.#pauses > 0;
  }

  /** What it is doing; `idle` where that is nothing. */
  states(): readonly State[] {
    return this.#states.size > 0 ? [...this.#states.keys()] : ['idle'];
  }

  enter(state: State): void {
    this.#states.set(state, (this.#states.get(state) ?? 0) + 1);
  }

  leave(state: State): void {
    const count = this.#states.get(state) ?? 0;
    if (count > 1) this.#states.set(state, count - 1);
    else this.#states.delete(state);
  }

  /** Runs what concerns this process: now, when it goes on, or never. */
  deliver(run: () => void): void {
    if (!this.alive) return;
    if (this.paused) this.#held.push(run);
    else run();
  }

  pause(): void {
    this.#pauses += 1;
  }

  /** Ends one pause, or all of them. */
  resume(all = false): void {
    if (!this.paused) return;
    this.#pauses = all ? 0 : this.#pauses - 1;
    if (this.paused) return;
    for (const run of this.#held.splice(0)) this.machine.loop.soon(() => this.deliver(run));
  }

  die(): void {
    this.alive = false;
    this.#held = [];
    this.machine.processes = this.machine.processes.filter((each) => each !== this);
  }

  #isGone(owner: Owner): boolean {
    const { name, boot, processes } = this.machine;
    if (owner.hostname !== name) return false;
    if (owner.boot !== `boot-${boot}`) return true;
    return !processes.some(({ pid }) => pid === owner.pid);
  }

  #after(ms: number, callback: () => void): () => void {
    const { machine } = this;
    const deadline = machine.monotonic() + Math.max(ms, 1);
    let cancel: () => void = () => undefined;
    const wait = (): void => {
      const left = (deadline - machine.monotonic()) / machine.rate;
      cancel = machine.loop.at(machine.loop.now + Math.max(0, left), () => this.deliver(due));
    };
    // Its clock may have stood still meanwhile.
    const due = (): void => {
      if (machine.monotonic() >= deadline - 0.001) callback();
      else wait();
    };
    let over = false;
    const once = callback;
    callback = () => {
      if (over) return;
      over = true;
      once();
    };
    wait();
    return () => {
      over = true;
      cancel();
    };
  }
}
