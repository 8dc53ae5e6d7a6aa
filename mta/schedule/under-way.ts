/** The jobs that an attempt works on, and who waits for those of a lane to end. */
import type { Job, QueueId } from '../queue/types.ts';
import type { Work } from './destination.ts';

export class UnderWay {
  readonly #works = new Map<string, Work>();
  #waiting: { readonly prefix: string; readonly resolve: () => void }[] = [];

  get size(): number {
    return this.#works.size;
  }

  values(): IterableIterator<Work> {
    return this.#works.values();
  }

  has(id: QueueId, job: Job): boolean {
    return this.#works.has(keyOf(id, job));
  }

  began(work: Work): void {
    this.#works.set(keyOf(work.id, work.job), work);
  }

  ended(work: Work): void {
    this.#works.delete(keyOf(work.id, work.job));
    this.#look();
  }

  /** Resolves when no attempt works on a message of the lane. */
  quiet(lane: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ prefix: `${lane}-`, resolve });
      this.#look();
    });
  }

  #look(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ prefix, resolve }) => {
      for (const key of this.#works.keys()) if (key.startsWith(prefix)) return true;
      resolve();
      return false;
    });
  }
}

function keyOf(id: QueueId, job: Job): string {
  return `${id} ${job.recipients[0]}`;
}
