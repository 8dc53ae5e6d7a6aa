/**
 * Whose turn it is among the destinations that have something ready and room for it, and how many attempts of each kind
 * may run. Those come first that have mail of a higher priority than most (RFC 6710 §5.1). Two things must not happen
 * however large a backlog is:
 *
 * - destinations that don't answer take a timeout for each attempt: they must not take all places from those that do;
 * - destinations that have nothing but retries, or are down, may be fifty thousand, dead or slow: fresh mail must not
 *   wait for its turn behind them, nor find all places taken.
 */
import type { DestinationQueue } from './destination.ts';
import { Line } from './line.ts';

/** Attempts in one process at destinations that haven't answered yet. */
const MOST_ON_TRIAL = 128;
/** Attempts in one process at destinations that have no fresh mail; and of these, at such as haven't answered yet. */
const MOST_RETRIED = 192;
const MOST_RETRIED_ON_TRIAL = 64;
/** Of so many turns one is a destination's without fresh mail, when others wait as well. */
const RETRY_TURN = 4;

export interface Turn {
  readonly destination: DestinationQueue;
  readonly onTrial: boolean;
  readonly retried: boolean;
}

/** In turn order. */
interface Lines {
  readonly urgent: Line<DestinationQueue>;
  readonly fresh: Line<DestinationQueue>;
  readonly retried: Line<DestinationQueue>;
}

const newLines = (): Lines => ({ urgent: new Line(), fresh: new Line(), retried: new Line() });

export class Turns {
  readonly #proven = newLines();
  readonly #trial = newLines();
  #onTrial = 0;
  #retried = 0;
  #retriedOnTrial = 0;
  #isTrialTurn = false;
  #count = 0;

  /** Puts a destination into the line that it belongs to now, where it isn't in it. */
  offer(destination: DestinationQueue): void {
    const { proven, freshMail, urgentMail } = destination;
    const lines = proven ? this.#proven : this.#trial;
    const line = urgentMail ? lines.urgent : freshMail ? lines.fresh : lines.retried;
    if (line.has(destination)) return;
    this.#leave(destination);
    line.add(destination);
  }

  /** The destination whose turn it is, out of its line; undefined where none may have an attempt now. */
  next(): Turn | undefined {
    this.#isTrialTurn = !this.#isTrialTurn;
    this.#count = (this.#count + 1) % RETRY_TURN;
    const trial = this.#onTrial < MOST_ON_TRIAL ? this.#trial : undefined;
    const inTurn = this.#isTrialTurn ? [trial, this.#proven] : [this.#proven, trial];
    const found =
      this.#urgent(inTurn[0]) ?? this.#urgent(inTurn[1]) ?? this.#first(inTurn[0]) ?? this.#first(inTurn[1]);
    if (found !== undefined) this.#leave(found.destination);
    return found;
  }

  began({ onTrial, retried }: Turn): void {
    this.#add(1, onTrial, retried);
  }

  ended({ onTrial, retried }: Turn): void {
    this.#add(-1, onTrial, retried);
  }

  #add(by: number, onTrial: boolean, retried: boolean): void {
    if (onTrial) this.#onTrial += by;
    if (retried) this.#retried += by;
    if (onTrial && retried) this.#retriedOnTrial += by;
  }

  #urgent(lines: Lines | undefined): Turn | undefined {
    const destination = lines?.urgent.first;
    return destination && { destination, onTrial: lines === this.#trial, retried: false };
  }

  #first(lines: Lines | undefined): Turn | undefined {
    if (lines === undefined) return undefined;
    const onTrial = lines === this.#trial;
    const hasRoom =
      this.#retried < MOST_RETRIED && (!onTrial || this.#retriedOnTrial < MOST_RETRIED_ON_TRIAL);
    const fresh = lines.fresh.first;
    const retried = hasRoom ? lines.retried.first : undefined;
    const isRetryTurn = this.#count === 0;
    const destination = isRetryTurn ? (retried ?? fresh) : (fresh ?? retried);
    return destination && { destination, onTrial, retried: destination === retried };
  }

  #leave(destination: DestinationQueue): void {
    for (const { urgent, fresh, retried } of [this.#proven, this.#trial]) {
      urgent.delete(destination);
      fresh.delete(destination);
      retried.delete(destination);
    }
  }
}
