/**
 * What the workers of a pod tell each other: which lanes were let go, and who has more work than others. Other pods are
 * told the same, and hear the same, through whoever listens here.
 *
 * Nothing depends on it: a notice that is lost is found on the volume, and a lane that stays where it is is served there.
 */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { LaneRelease, WorkerId } from '../queue/types.ts';
import { laneToGive, pairToBalance, type WorkerLoad } from '../schedule/balance.ts';
import type { WorkerCalls } from './calls.ts';

export interface ExchangeParts {
  /** Those that are ready. */
  readonly workers: () => readonly WorkerCalls[];
  /** Whether other pods see the same lanes: else nothing can be given to them. */
  readonly shared: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Between two comparisons of loads. */
const COMPARE_MS = 5000;
/** Loads of other pods are forgotten when nothing has been heard for so long. */
const STALE_MS = 15_000;
/** After a move, or an attempt at one, both sides do their work for a while. */
const REST_MS = 60_000;

export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #listeners: ((release: LaneRelease) => void)[] = [];
  readonly #heard = new Map<string, { readonly loads: readonly WorkerLoad[]; readonly at: number }>();
  /** Monotonic ms until which a worker takes no part. */
  readonly #resting = new Map<WorkerId, number>();
  /** What the last comparison would have done: only what the next one finds too is done. */
  #proposed = '';
  #loads: readonly WorkerLoad[] = [];
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** Also after a stop. */
  start(): void {
    this.#cancel();
    this.#stopped = false;
    this.#cancel = this.#parts.clock.after(COMPARE_MS, () => {
      this.#compare()
        .catch((error: unknown) => this.#parts.logger.warn({ err: error }, 'loads could not be compared'))
        .finally(() => {
          if (!this.#stopped) this.start();
        });
    });
  }

  /** Takes part no more: who hears nothing of us gives us nothing. */
  stop(): void {
    this.#stopped = true;
    this.#loads = [];
    this.#cancel();
  }

  /** A worker of ours has let a lane go. */
  released(release: LaneRelease, by: WorkerCalls): void {
    for (const worker of this.#parts.workers()) if (worker !== by) this.#tell(worker, release);
    for (const listener of this.#listeners) listener(release);
  }

  /** Another pod has let a lane go. */
  noticed(release: LaneRelease): void {
    for (const worker of this.#parts.workers()) this.#tell(worker, release);
  }

  /** Called with each lane that a worker of ours has let go. */
  onReleased(listener: (release: LaneRelease) => void): void {
    this.#listeners.push(listener);
  }

  /** Of our workers, at most some seconds old: what other pods should hear. */
  loads(): readonly WorkerLoad[] {
    return this.#loads;
  }

  /** What another pod says of its workers. @param pod its name */
  heard(pod: string, loads: readonly WorkerLoad[]): void {
    this.#heard.set(pod, { loads, at: this.#parts.clock.monotonic() });
  }

  #tell(worker: WorkerCalls, release: LaneRelease): void {
    worker.noticed(release).catch(() => {});
  }

  /** Finds out whether one of our workers should give a lane away, and has it do so. */
  async #compare(): Promise<void> {
    const { clock, logger } = this.#parts;
    const ours = new Map<WorkerId, WorkerCalls>();
    const loads: WorkerLoad[] = [];
    await Promise.allSettled(
      this.#parts.workers().map(async (worker) => {
        const load = await worker.workload();
        ours.set(load.worker, worker);
        loads.push(load);
      }),
    );
    if (this.#stopped) return;
    this.#loads = loads;
    const pair = pairToBalance([...loads, ...this.#others()], (worker) => this.#rests(worker));
    const proposal = pair ? `${pair.from.worker} ${pair.to.worker}` : '';
    const again = proposal === this.#proposed;
    this.#proposed = proposal;
    const giver = pair && ours.get(pair.from.worker);
    if (!pair || !giver || !again) return;
    const lane = laneToGive(await giver.lanes(), pair.from.ready - pair.to.ready);
    const until = clock.monotonic() + REST_MS;
    this.#resting.set(pair.from.worker, until);
    if (lane === undefined) return;
    this.#resting.set(pair.to.worker, until);
    const from = pair.from.worker;
    const to = pair.to.worker;
    const given = await giver.giveAway(lane, to);
    logger.info({ lane, from, to, given }, 'a lane was offered to a worker that has less to do');
  }

  #others(): WorkerLoad[] {
    if (!this.#parts.shared) return [];
    const now = this.#parts.clock.monotonic();
    for (const [pod, { at }] of this.#heard) if (now - at > STALE_MS) this.#heard.delete(pod);
    return [...this.#heard.values()].flatMap(({ loads }) => loads);
  }

  #rests(worker: WorkerId): boolean {
    const until = this.#resting.get(worker);
    if (until === undefined) return false;
    if (this.#parts.clock.monotonic() < until) return true;
    this.#resting.delete(worker);
    return false;
  }
}
