/** How long a worker that has died stays away: longer with each death in a row. Pure. */
import { PostriderError } from '../errors.ts';

/** A worker that dies is started again after this, doubled with each death in a row. */
const FIRST_MS = 250;
const LONGEST_MS = 30_000;
/** A queue that can't be reached is asked for more often: nothing is wrong with the worker. */
const LONGEST_WAIT_MS = 4000;
/** A worker that has served for so long starts its count of deaths anew. */
const STEADY_MS = 60_000;

/** The queue can't be reached: waited for, as nobody else can do better. */
export function isUnreachable(error: unknown): error is PostriderError {
  return error instanceof PostriderError && error.code === 'QueueUnreachable';
}

export class Restarts {
  #deaths = 0;

  /** Ms to wait. @param lived ms that the worker had served @param waiting whether it died of a queue that is away */
  next(lived: number, waiting: boolean): number {
    if (lived > STEADY_MS) this.#deaths = 0;
    const wait = Math.min(FIRST_MS * 2 ** this.#deaths, waiting ? LONGEST_WAIT_MS : LONGEST_MS);
    this.#deaths += 1;
    return wait;
  }
}
