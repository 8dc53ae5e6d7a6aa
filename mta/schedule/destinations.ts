/**
 * The destinations that have work or are down, by key and by number. One that is up and has no work is not worth its
 * memory: of some thousand it is remembered that they answered.
 */
import { Rows } from '../compact/columns.ts';
import type { DestinationKey } from '../route/types.ts';
import { DestinationQueue } from './destination.ts';
import { FairLines } from './fair-queue.ts';

/** Destinations remembered to have answered when last used. */
const MOST_PROVEN = 4096;

export class Destinations {
  readonly #lines = new FairLines();
  readonly #byKey = new Map<DestinationKey, DestinationQueue>();
  readonly #byNumber: (DestinationQueue | undefined)[] = [];
  readonly #numbers = new Rows([]);
  /** Keys of forgotten destinations that answered, the latest last. */
  readonly #proven = new Set<DestinationKey>();

  get(key: DestinationKey): DestinationQueue | undefined {
    return this.#byKey.get(key);
  }

  /** The destination with this number; another one where the number has been given away again. */
  at(number: number): DestinationQueue | undefined {
    return this.#byNumber[number];
  }

  values(): IterableIterator<DestinationQueue> {
    return this.#byKey.values();
  }

  /** The one that is known, or a new one. */
  open(key: DestinationKey): DestinationQueue {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.take();
    const destination = new DestinationQueue(key, number, this.#proven.delete(key), this.#lines);
    this.#byKey.set(key, destination);
    this.#byNumber[number] = destination;
    return destination;
  }

  /** Forgets one that is up and has no work. */
  forget(destination: DestinationQueue): void {
    if (destination.active > 0 || destination.ready > 0 || destination.failures > 0) return;
    this.drop(destination);
    if (!destination.proven) return;
    this.#proven.add(destination.key);
    if (this.#proven.size > MOST_PROVEN) this.#proven.delete(this.#proven.values().next().value!);
  }

  /** Another may have been made with its key since. */
  drop(destination: DestinationQueue): void {
    if (this.#byKey.get(destination.key) !== destination) return;
    this.#byKey.delete(destination.key);
    this.#byNumber[destination.number] = undefined;
    this.#numbers.give(destination.number);
  }
}
