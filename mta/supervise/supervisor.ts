/**
 * Keeps the workers running: starts them, starts one again that has died, hands each new config to all of them, and
 * ends them in order. Mail never passes through here; a supervisor that dies takes its workers with it, as they end
 * when their channel closes.
 */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { type MtaConfig, READABLE_VERSIONS } from '../config.ts';
import type { ConfigStatus } from '../control/types.ts';
import { PostriderError } from '../errors.ts';
import { Pod } from '../fleet/pod.ts';
import type { MemberCalls } from '../fleet/types.ts';
import { NOBODY } from '../fleet/unreachable.ts';
import type { Verifier } from '../policy/verifier.ts';
import { checkSetup } from '../setup.ts';
import type { Place, SupervisorCalls, WorkerCalls } from './calls.ts';
import { checkChange } from './change.ts';
import { configFor, type Duty, notReadyBy } from './duty.ts';
import { Exchange } from './exchange.ts';
import { News } from './news.ts';
import { PodPickUp } from './pick-up.ts';
import { checkFree, listenerBindings, newBindings } from './ports.ts';
import { isUnreachable, Restarts } from './restarts.ts';
import { remote, serve } from './rpc.ts';
import { endWorker, type WorkerProcess } from './worker-process.ts';

export interface SupervisorDeps extends Pick<Place, 'ticketSecret'> {
  readonly spawn: () => WorkerProcess;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly verifier: Verifier;
  /** Name of this pod among the members of its fleet. */
  readonly name: string;
}

interface Worker {
  readonly index: number;
  readonly process: WorkerProcess;
  readonly calls: WorkerCalls;
  /** What it was given last. */
  config: MtaConfig;
  ready: boolean;
  /** Monotonic ms of the last sign of life. */
  seen: number;
}

const PING_MS = 1000;
/** An event loop that hasn't answered for so long is taken to be stuck. */
const STUCK_MS = 30_000;

export class Supervisor {
  /** What the workers tell each other, and other pods. */
  readonly exchange: Exchange;
  /** What they learn of destinations. */
  readonly news: News;
  /** What all of them may use of budgets. */
  readonly pod: Pod<WorkerCalls>;
  /** Held mail that is asked for. */
  readonly pickUp: PodPickUp;
  readonly #deps: SupervisorDeps;
  #onLoaded: (config: MtaConfig) => void = () => {};
  #members: MemberCalls = NOBODY;
  readonly #workers = new Map<number, Worker>();
  /** Drains under way of workers that are no longer wanted. */
  readonly #draining = new Set<Promise<void>>();
  #config: MtaConfig;
  readonly #restarts = new Restarts();
  /** Why the queue can't be reached: waited for, as nobody else can do better. */
  #unreachable: string | undefined;
  #stopping = false;
  #duty: Duty = 'serve';
  /** Workers that leave keep their lanes until they are empty. */
  #keepLanes = false;
  /** Process ids of all workers that there ever were. */
  readonly #pids = new Set<number>();
  #refused: ConfigStatus['refused'];
  /** Loads one after the other, in the order in which they came. */
  #loading: Promise<unknown> = Promise.resolve();

  constructor(config: MtaConfig, deps: SupervisorDeps) {
    this.#config = config;
    this.#deps = deps;
    const { clock, logger } = deps;
    const workers = () => [...this.workers().values()];
    this.exchange = new Exchange({ workers, shared: config.queue.mode === 'Shared', clock, logger });
    this.news = new News(workers);
    this.pickUp = new PodPickUp({
      self: deps.name,
      workers: () => this.workers(),
      members: () => this.#members,
      onDefect: (error) => logger.error({ err: error }, 'defect'),
    });
    this.pod = new Pod({
      self: deps.name,
      config,
      clock,
      // A worker that can't be told has ended.
      send: (calls, grants) => void calls.grant(grants).catch(() => {}),
    });
  }

  /**
   * Rejects where the config can't be served at all: a port that is taken, a queue that can't be written. A queue that
   * can't be reached is waited for: `notReady` says so.
   */
  async start(): Promise<void> {
    checkSetup(this.#config, this.#deps.verifier);
    await checkFree(listenerBindings(this.#config));
    const indexes = Array.from({ length: this.#config.workers }, (_, index) => index);
    try {
      await Promise.all(indexes.map((index) => this.#startOrWait(index)));
    } catch (error) {
      this.#stopping = true;
      for (const { process } of this.#workers.values()) process.kill();
      this.#workers.clear();
      throw error;
    }
    this.#watch();
    if (this.#duty === 'serve') this.exchange.start();
  }

  get config(): MtaConfig {
    return this.#config;
  }

  status(): ConfigStatus {
    const { revision, id, resources } = this.#config;
    return {
      revision,
      ...(id === undefined ? {} : { id }),
      resources,
      reads: READABLE_VERSIONS,
      ...(this.#refused === undefined ? {} : { refused: this.#refused }),
    };
  }

  live(): boolean {
    const now = this.#deps.clock.monotonic();
    return [...this.#workers.values()].every(({ seen }) => now - seen < STUCK_MS);
  }

  notReady(): string[] {
    if (this.#stopping) return ['shutting down'];
    if (this.#duty !== 'serve') return [...notReadyBy[this.#duty]];
    const ready = [...this.#workers.values()].filter((worker) => worker.ready).length;
    if (ready === this.#config.workers) return [];
    if (this.#unreachable !== undefined) return [this.#unreachable];
    return [`${ready} of ${this.#config.workers} workers are ready`];
  }

  /** Those that are ready, by their index. */
  workers(): ReadonlyMap<number, WorkerCalls> {
    const ready = [...this.#workers].filter(([, worker]) => worker.ready);
    return new Map(ready.map(([index, { calls }]) => [index, calls]));
  }

  get duty(): Duty {
    return this.#duty;
  }

  /**
   * Workers that serve are told to leave. Otherwise they end, in order, and new ones begin with the new duty, unless that is
   * to rest. In a shared folder those that leave let their lanes go, unless they are to keep them. Resolves when what had to end has ended: after `rest`, nothing of this pod writes to the volume any more.
   */
  async turnTo(duty: Duty, { keepLanes = false } = {}): Promise<void> {
    const before = this.#duty;
    if (duty === before || this.#stopping) return;
    this.#duty = duty;
    this.#keepLanes = keepLanes;
    if (duty === 'serve') this.exchange.start();
    else this.exchange.stop();
    if (before === 'serve' && duty === 'leave') {
      for (const worker of this.#workers.values()) if (worker.ready) this.#tellToLeave(worker);
      return;
    }
    for (const worker of [...this.#workers.values()]) this.#endAside(worker);
    await Promise.all(this.#draining);
    this.#resize();
  }

  /** Of every worker that was ever started here. */
  pids(): ReadonlySet<number> {
    return this.#pids;
  }

  /** Asks every worker that is ready; one that dies meanwhile is left out. */
  async all<T>(ask: (calls: WorkerCalls) => Promise<T>): Promise<T[]> {
    const answers = await Promise.allSettled(Array.from(this.workers().values(), ask));
    const failures = answers.filter((answer) => answer.status === 'rejected');
    if (failures.length > 0 && failures.length === answers.length) throw failures[0]!.reason;
    return answers.filter((answer) => answer.status === 'fulfilled').map((answer) => answer.value);
  }

  /** Gives a new config to every worker; where one refuses it, all of them go on with the old one. */
  load(config: MtaConfig): Promise<ConfigStatus> {
    const done = this.#loading.then(() => this.#load(config));
    this.#loading = done.catch(() => {});
    return done;
  }

  /** A config that could not even be read: the old one goes on, and the status says so. */
  refuse(revision: number | undefined, reason: string): void {
    this.#refused = { revision, reason, at: new Date(this.#deps.clock.now()).toISOString() };
    this.#deps.logger.error({ revision, reason }, 'config refused, the last good one serves on');
  }

  async #load(config: MtaConfig): Promise<ConfigStatus> {
    if (this.#stopping) throw new PostriderError('ConfigInvalid', 'no config is loaded while shutting down');
    const old = this.#config;
    try {
      checkChange(old, config);
      checkSetup(config, this.#deps.verifier);
      await checkFree(newBindings(listenerBindings(old), listenerBindings(config)));
      await this.#loadEverywhere(config, old);
    } catch (error) {
      this.refuse(config.revision, error instanceof Error ? error.message : String(error));
      throw error;
    }
    this.#config = config;
    this.pod.load(config);
    this.#onLoaded(config);
    this.#refused = undefined;
    this.#deps.logger.level = config.log.level;
    this.#resize();
    this.#deps.logger.info({ revision: config.revision }, 'config loaded');
    return this.status();
  }

  /** Waits for every worker's answer, so that the way back begins when none is still on its way forth. */
  async #loadEverywhere(config: MtaConfig, old: MtaConfig): Promise<void> {
    const workers = [...this.#workers.values()].filter((worker) => worker.ready);
    const answers = await Promise.allSettled(workers.map((worker) => this.#give(worker, config)));
    const refusal = answers.find((answer) => answer.status === 'rejected');
    if (refusal === undefined) return;
    for (const answer of await Promise.allSettled(workers.map((worker) => this.#give(worker, old)))) {
      if (answer.status === 'fulfilled') continue;
      this.#deps.logger.error({ err: answer.reason }, 'a worker did not go back to the old config');
    }
    throw refusal.reason;
  }

  async #give(worker: Worker, config: MtaConfig): Promise<void> {
    await worker.calls.load(configFor(this.#duty, config), this.#place(worker.index, config));
    worker.config = config;
  }

  /** One that can't is started again, and then told so first of all. */
  #tellToLeave(worker: Worker): void {
    worker.calls.leave(this.#keepLanes).catch((error: unknown) => {
      this.#deps.logger.error({ err: error, worker: worker.index }, 'a worker could not leave');
      worker.process.kill();
    });
  }

  /** Starts or drains workers until there are as many as the config wants: neither is waited for. */
  #resize(): void {
    const { workers } = this.#config;
    if (this.#duty === 'rest' || this.#stopping) return;
    for (let index = 0; index < workers; index += 1) {
      if (!this.#workers.has(index)) this.#startOrRestart(index);
    }
    for (const worker of [...this.#workers.values()]) if (worker.index >= workers) this.#endAside(worker);
    // Workers that were starting, or that came up while the others were asked.
    for (const worker of this.#workers.values()) if (worker.ready) this.#catchUp(worker);
  }

  /** Gives a worker the config that the others have; one that doesn't take it is started anew with it. */
  #catchUp(worker: Worker): void {
    if (worker.config === this.#config) return;
    this.#give(worker, this.#config).catch((error: unknown) => {
      this.#deps.logger.error({ err: error, worker: worker.index }, 'a worker did not take the config');
      worker.process.kill();
    });
  }

  /** Drains every worker within the config's grace, and kills what has not ended by then. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.exchange.stop();
    const { drainSeconds } = this.#config;
    const workers = [...this.#workers.values()];
    await Promise.all([
      ...workers.map((worker) => this.#drainWorker(worker, drainSeconds)),
      ...this.#draining,
    ]);
  }

  #endAside(worker: Worker): void {
    const drained: Promise<void> = this.#drainWorker(worker, this.#config.drainSeconds).finally(() =>
      this.#draining.delete(drained),
    );
    this.#draining.add(drained);
  }

  async #drainWorker(worker: Worker, seconds: number): Promise<void> {
    this.#workers.delete(worker.index);
    worker.ready = false;
    await endWorker(worker, seconds, this.#deps);
  }

  async #startWorker(index: number): Promise<void> {
    const { spawn, clock, logger } = this.#deps;
    const process = spawn();
    if (process.pid !== undefined) this.#pids.add(process.pid);
    const calls = remote<WorkerCalls>(process.channel);
    const ours: SupervisorCalls = {
      released: async (release) => this.exchange.released(release, calls),
      needs: async (needs) => this.pod.needs(calls, needs),
      learnt: async (news) => this.news.learnt(news, calls),
      members: () => this.#members.members(),
      ask: (...question) => this.#members.ask(...question),
      pickUp: (...question) => this.pickUp.ask(...question),
    };
    serve(process.channel, ours);
    const started = clock.monotonic();
    const config = this.#config;
    const worker: Worker = { index, process, calls, config, ready: false, seen: started };
    this.#workers.set(index, worker);
    process.onExit((how) => {
      this.pod.gone(calls);
      const expected = this.#stopping || this.#workers.get(index) !== worker;
      if (expected) return;
      this.#workers.delete(index);
      if (worker.ready) this.#restart(index, how, this.#restarts.next(clock.monotonic() - started, false));
    });
    try {
      await calls.start(configFor(this.#duty, config), this.#place(index, config));
    } catch (error) {
      if (this.#workers.get(index) === worker) this.#workers.delete(index);
      process.kill();
      if (isUnreachable(error)) this.#unreachable = error.message;
      throw error;
    }
    if (this.#workers.get(index) !== worker) return;
    worker.ready = true;
    this.#unreachable = undefined;
    worker.seen = clock.monotonic();
    logger.info({ worker: index }, 'worker ready');
    if (this.#duty === 'leave') this.#tellToLeave(worker);
    this.#catchUp(worker);
  }

  async #startOrWait(index: number): Promise<void> {
    try {
      await this.#startWorker(index);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      this.#restartFailed(index, error);
    }
  }

  #startOrRestart(index: number): void {
    this.#startWorker(index).catch((error: unknown) => this.#restartFailed(index, error));
  }

  #restartFailed(index: number, error: unknown): void {
    if (this.#stopping) return;
    const how = error instanceof Error ? error.message : String(error);
    this.#restart(index, how, this.#restarts.next(0, isUnreachable(error)));
  }

  #restart(index: number, how: string, wait: number): void {
    const { clock, logger } = this.#deps;
    logger.error({ worker: index, how, restartInMs: wait }, 'worker ended unexpectedly');
    clock.after(wait, () => {
      if (index >= this.#config.workers || this.#workers.has(index)) return;
      if (!this.#stopping && this.#duty !== 'rest') this.#startOrRestart(index);
    });
  }

  /** How workers reach other members, from now on. */
  connect(members: MemberCalls): void {
    this.#members = members;
  }

  /** Called with each new config that is loaded. */
  onLoaded(listener: (config: MtaConfig) => void): void {
    this.#onLoaded = listener;
  }

  #place(index: number, config: MtaConfig): Place {
    const { name: member, ticketSecret } = this.#deps;
    return { index, workers: config.workers, member, ticketSecret };
  }

  /** Pings each worker every second: an event loop that is stuck shows in `live`. */
  #watch(): void {
    const { clock } = this.#deps;
    for (const worker of this.#workers.values()) {
      worker.calls.ping().then(
        () => {
          worker.seen = clock.monotonic();
        },
        () => {},
      );
    }
    this.pod.refresh();
    if (!this.#stopping) clock.after(PING_MS, () => this.#watch());
  }
}
