/**
 * What workers learn of destinations goes to the other workers of the pod, and to other pods through whoever listens here.
 * Nothing depends on it: who misses it finds out by itself.
 */
import type { DestinationNews } from '../schedule/types.ts';
import type { WorkerCalls } from './calls.ts';

export class News {
  readonly #workers: () => readonly WorkerCalls[];
  #listener: (news: DestinationNews) => void = () => {};

  /** @param workers those that are ready */
  constructor(workers: () => readonly WorkerCalls[]) {
    this.#workers = workers;
  }

  /** A worker of ours has learnt something. */
  learnt(news: DestinationNews, by: WorkerCalls): void {
    for (const worker of this.#workers()) if (worker !== by) worker.heard(news).catch(() => {});
    this.#listener(news);
  }

  /** Another pod has learnt something. */
  heard(news: DestinationNews): void {
    for (const worker of this.#workers()) worker.heard(news).catch(() => {});
  }

  /** Called with what our workers learn. */
  onLearnt(listener: (news: DestinationNews) => void): void {
    this.#listener = listener;
  }
}
