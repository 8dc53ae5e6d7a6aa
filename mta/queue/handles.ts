/**
 * Numbers for the messages of a process: a lane's number and the message's in one double, so that a million messages
 * can be named in columns of numbers. Good while the process runs; never stored, never shown.
 */
import { PostriderError } from '../errors.ts';
import type { MessageHandle } from './types.ts';

/** Sequences of a lane are below this: at 5,000 messages a second, that is seven years. */
export const MOST_SEQUENCES = 2 ** 40;
/** Lanes that a process may hold at once. */
const MOST_LANES = 2 ** 13;

export class Handles {
  readonly #numbers = new Map<string, number>();
  readonly #lanes = new Map<number, string>();
  #next = 0;

  /** The lane's number, until it is closed. The numbers go round, so that one is not soon another lane's. */
  open(lane: string): number {
    if (this.#lanes.size >= MOST_LANES) {
      throw new PostriderError('LaneLost', `this process holds ${MOST_LANES} lanes and can take no more`);
    }
    while (this.#lanes.has(this.#next)) this.#next = (this.#next + 1) % MOST_LANES;
    const number = this.#next;
    this.#next = (number + 1) % MOST_LANES;
    this.#numbers.set(lane, number);
    this.#lanes.set(number, lane);
    return number;
  }

  close(lane: string): void {
    const number = this.#numbers.get(lane);
    if (number === undefined) return;
    this.#numbers.delete(lane);
    this.#lanes.delete(number);
  }

  /** Undefined where its lane is closed. */
  find(handle: MessageHandle): { readonly lane: string; readonly sequence: number } | undefined {
    const lane = this.#lanes.get(Math.floor(handle / MOST_SEQUENCES));
    return lane === undefined ? undefined : { lane, sequence: handle % MOST_SEQUENCES };
  }
}

/** @param lane its number */
export function handleOf(lane: number, sequence: number): MessageHandle {
  return lane * MOST_SEQUENCES + sequence;
}
