/**
 * Questions to the supervisor that have brought nothing yet: so many at a time, and the others in their turn, as fifty
 * thousand destinations may fall due at once. Whoever has to wait is told when to ask again.
 */
import type { Clock } from '../clock.ts';
import type { DestinationKey } from '../route/types.ts';
import type { BudgetId } from './budget-types.ts';

export interface QuestionsOptions {
  /** Open at a time, at most. */
  readonly most: number;
  readonly clock: Clock;
  /** This destination may ask now. */
  readonly again: (key: DestinationKey) => void;
}

/** Called in one turn of the event loop. */
const PORTION = 1000;

export class Questions {
  readonly #options: QuestionsOptions;
  readonly #open = new Set<BudgetId>();
  /** In turn order. */
  readonly #later = new Set<DestinationKey>();
  #waking = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** Whether this may be asked now; where it may not, `again` is called when there is a place. */
  ask(id: BudgetId, key: DestinationKey): boolean {
    if (this.#open.has(id)) return true;
    if (this.#open.size >= this.#options.most) {
      this.#later.add(key);
      return false;
    }
    this.#open.add(id);
    return true;
  }

  /** It has brought something, or isn't asked any more. */
  close(id: BudgetId): void {
    if (this.#open.delete(id)) this.#callSoon();
  }

  #callSoon(): void {
    if (this.#later.size === 0 || this.#waking) return;
    this.#waking = true;
    this.#options.clock.soon(() => {
      this.#waking = false;
      this.#call();
    });
  }

  /** Who has nothing to ask any more, or no place for an attempt just now, leaves the place to the next. */
  #call(): void {
    let called = 0;
    for (const key of this.#later) {
      if (this.#open.size >= this.#options.most) break;
      if (called === PORTION) {
        this.#callSoon();
        break;
      }
      this.#later.delete(key);
      this.#options.again(key);
      called += 1;
    }
  }
}
