/**
 * A member's side of budgets: what it may use of each just now. It owns a share of every budget, and needs nobody's word
 * for it. An arbiter may tell it to leave some unused for a while, or lend it what others leave; without news of the
 * arbiter it has its share again, and no more. Pure state: times are given.
 */
import { type Allotment, type BudgetId, type BudgetTimes, type Claim, MOST_BUDGETS } from './budget-types.ts';
import type { MemberName } from './types.ts';

interface Need {
  want: number;
  use: number;
  /** Since when it has wanted more than it may use. */
  since: number | undefined;
}

/** What it was told, and by whom. */
export interface Word {
  readonly arbiter: MemberName;
  readonly incarnation: number;
  readonly stamp: number;
  readonly tokens: number;
  /** Until when it may use more than it owns. */
  readonly loanUntil: number;
  /** Until when it listens to nobody else, and uses no more than this of what it owns. */
  readonly holdUntil: number;
}

export interface HolderOptions {
  readonly times: BudgetTimes;
  /** What we own of it. */
  readonly share: (id: BudgetId, now: number) => number;
  /** How long somebody without any token waits for an answer before taking one. */
  readonly patience: (id: BudgetId) => number;
  /** Whether `word`, or that there is none, is the arbiter's answer to a want that we had at `since`. */
  readonly answered: (id: BudgetId, since: number, word: Word | undefined, now: number) => boolean;
}

export class Holder {
  readonly #options: HolderOptions;
  readonly #needs = new Map<BudgetId, Need>();
  readonly #words = new Map<BudgetId, Word>();

  constructor(options: HolderOptions) {
    this.#options = options;
  }

  /** What is wanted and used of a budget; both 0 is the end of it. Returns whether more is wanted than before. */
  need(id: BudgetId, want: number, use: number, now: number): boolean {
    const before = this.#needs.get(id);
    if (want === 0 && use === 0) {
      this.#needs.delete(id);
      return false;
    }
    const lacks = want > this.#allowed(id, now);
    this.#needs.set(id, { want, use, since: lacks ? (before?.since ?? now) : undefined });
    return lacks && want > (before?.want ?? 0);
  }

  /** How many tokens may be in use now. */
  allowance(id: BudgetId, now: number): number {
    const allowed = this.#allowed(id, now);
    const { since } = this.#needs.get(id) ?? {};
    if (allowed > 0 || since === undefined) return allowed;
    const { patience, answered } = this.#options;
    return now >= since + patience(id) && !answered(id, since, this.#words.get(id), now) ? 1 : 0;
  }

  #allowed(id: BudgetId, now: number): number {
    const share = this.#options.share(id, now);
    const word = this.#words.get(id);
    if (word === undefined || now >= word.holdUntil) return share;
    if (word.tokens > share) return now < word.loanUntil ? word.tokens : share;
    return word.tokens;
  }

  /**
   * Takes an arbiter's word, unless it goes by another's.
   *
   * @param asked when we sent what the arbiter had last seen of us: a loan counts from then, however late it comes
   */
  allot(
    { id, tokens, share }: Allotment,
    from: { arbiter: MemberName; incarnation: number; stamp: number; asked: number },
    now: number,
  ): void {
    const word = this.#words.get(id);
    const bound = word !== undefined && now < word.holdUntil && !isFrom(word, from);
    if (bound) return;
    const { loan, hold } = this.#options.times;
    // What it takes for ours and isn't, it has not to give.
    const less = Math.max(0, share - this.#options.share(id, now));
    this.#words.set(id, {
      ...from,
      tokens: Math.max(0, tokens - less),
      loanUntil: from.asked + loan,
      holdUntil: now + hold,
    });
  }

  /** What an arbiter is told: what we lack and `isArbiter` says is its to lend, and all that we have its word for. */
  claims(
    to: { arbiter: MemberName; incarnation: number },
    isArbiter: (id: BudgetId) => boolean,
    now: number,
  ): Claim[] {
    const claims: Claim[] = [];
    const claim = (id: BudgetId, by: number | undefined) => {
      const { want = 0, use = 0 } = this.#needs.get(id) ?? {};
      const holds = Math.max(this.allowance(id, now), use);
      const share = this.#options.share(id, now);
      claims.push({ id, want, share, holds, ...(by === undefined ? {} : { by }) });
    };
    for (const [id, word] of this.#words) {
      if (now >= word.holdUntil) this.#words.delete(id);
      else if (isFrom(word, to)) claim(id, word.stamp);
    }
    for (const [id, { since, use }] of this.#needs) {
      const word = this.#words.get(id);
      if (word !== undefined && isFrom(word, to)) continue;
      // What began on a loan that is over may be under way still.
      const owes = use > this.#options.share(id, now);
      if ((since !== undefined || owes) && isArbiter(id)) claim(id, undefined);
    }
    return claims.slice(0, MOST_BUDGETS);
  }

  /** Budgets that are in use or wanted. */
  ids(): IterableIterator<BudgetId> {
    return this.#needs.keys();
  }
}

function isFrom(
  word: { arbiter: MemberName; incarnation: number },
  other: { arbiter: MemberName; incarnation: number },
): boolean {
  return word.arbiter === other.arbiter && word.incarnation === other.incarnation;
}
