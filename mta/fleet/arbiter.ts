/**
 * An arbiter's side of budgets: lends what some members own and don't need to those who want more than they own. It
 * counts for each member the most that it may be using, whatever of its words has arrived; what it lends is never more
 * than what others have said that they leave unused, for longer than the loan lasts. Pure state: times are given.
 */
import { type Allotment, type BudgetId, type BudgetTimes, type Claim, MOST_BUDGETS } from './budget-types.ts';
import { divide } from './shares.ts';
import type { MemberName } from './types.ts';

interface Account {
  want: number;
  share: number;
  /** What it last said that it may be using, on which word of ours, by our clock. */
  holds: number;
  by: number | undefined;
  /** When it said so. */
  heard: number;
  /** Words of ours that it hasn't confirmed. */
  sent: { readonly stamp: number; readonly tokens: number }[];
}

export interface ArbiterOptions {
  readonly times: BudgetTimes;
  readonly limit: (id: BudgetId) => number | undefined;
  /** Tokens that there are even where all who own some are silent: 0 or 1. */
  readonly least: (id: BudgetId) => number;
  /** How long a token is in use after the member that used it has gone, in ms. */
  readonly rest: (id: BudgetId) => number;
  /** What a member owns, where it hasn't said so itself. */
  readonly share: (id: BudgetId, member: MemberName, now: number) => number;
}

export class Arbiter {
  readonly #options: ArbiterOptions;
  readonly #budgets = new Map<BudgetId, Map<MemberName, Account>>();

  constructor(options: ArbiterOptions) {
    this.#options = options;
  }

  /** All that a member has to say; what it no longer names, it goes by its own share for. */
  claim(member: MemberName, claims: readonly Claim[], now: number): void {
    const named = new Set(claims.map(({ id }) => id));
    for (const [id, accounts] of this.#budgets) {
      const account = accounts.get(member);
      // Of a list that is full something may have been left out.
      if (account === undefined || named.has(id) || claims.length >= MOST_BUDGETS) continue;
      Object.assign(account, { want: 0, holds: account.share, by: undefined, heard: now });
    }
    for (const { id, want, share, holds, by } of claims) {
      const account = this.#account(id, member, share);
      Object.assign(account, { want, share, holds, by, heard: now });
      if (by !== undefined) account.sent = account.sent.filter(({ stamp }) => stamp > by);
    }
  }

  /** A process that has come in the place of another goes by no word of ours. */
  forget(member: MemberName): void {
    for (const accounts of this.#budgets.values()) accounts.delete(member);
  }

  /** What each of these members may have of a budget; undefined where none wants more than it owns. */
  decide(
    id: BudgetId,
    members: readonly MemberName[],
    now: number,
  ): ReadonlyMap<MemberName, number> | undefined {
    const limit = this.#options.limit(id);
    const known = this.#budgets.get(id);
    if (limit === undefined || known === undefined) return undefined;
    const accounts = members.map(
      (member) => known.get(member) ?? newAccount(this.#options.share(id, member, now)),
    );
    if (accounts.every(isContent)) return undefined;
    const owned = sum(accounts.map(({ share }) => share));
    const pot = Math.max(this.#options.least(id), owned);
    const wants = accounts.map(({ want }) => Math.min(want, limit));
    const fair = divide(pot, wants, Math.floor(now / this.#options.times.hold));
    // What nobody wants stays with its owners.
    const unwanted = divide(
      pot - sum(fair),
      accounts.map(({ share }, index) => Math.max(0, share - fair[index]!)),
      0,
    );
    const targets = fair.map((tokens, index) => tokens + unwanted[index]!);
    const away = this.#away(id, known, members, now);
    // What each may use now, and until a loan of now is over: the words that keep some from their own may be gone by then.
    const current = accounts.map((account) => this.#most(id, account, now));
    const later = accounts.map((account, index) => Math.max(current[index]!, this.#lasting(account, now)));
    let free = Math.max(0, pot - away - sum(current));
    let freeLater = Math.max(0, pot - away - sum(later));
    const raise = (index: number, to: number): number => {
      const spare = later[index]! - current[index]!;
      const more = Math.max(0, Math.min(to - current[index]!, free, freeLater + spare));
      free -= more;
      freeLater -= Math.max(0, more - spare);
      current[index]! += more;
      return Math.min(to, current[index]!);
    };
    const decided = accounts.map(({ share }, index) => raise(index, Math.min(targets[index]!, share)));
    const kept = accounts.map((account, index) =>
      Math.max(this.#lasting(account, now), Math.min(decided[index]!, account.share)),
    );
    // Neither is a loan renewed that isn't backed for as long as it then lasts.
    let lendable = Math.max(0, pot - sum(kept));
    accounts.forEach(({ share }, index) => {
      const loan = Math.min(targets[index]! - share, lendable);
      if (loan <= 0) return;
      decided[index] = raise(index, share + loan);
      lendable -= Math.max(0, decided[index]! - share);
    });
    return new Map(members.map((member, index) => [member, decided[index]!]));
  }

  /** Words for one member, to go out at once with this stamp of our clock. */
  allot(member: MemberName, members: readonly MemberName[], isOurs: (id: BudgetId) => boolean, now: number) {
    const allotments: Allotment[] = [];
    for (const id of this.#budgets.keys()) {
      if (allotments.length === MOST_BUDGETS) break;
      const tokens = isOurs(id) ? this.decide(id, members, now)?.get(member) : undefined;
      if (tokens === undefined) continue;
      const account = this.#account(id, member, this.#options.share(id, member, now));
      // What allowed no more than this, and earlier, no longer matters.
      account.sent = account.sent.filter((word) => word.tokens > tokens);
      account.sent.push({ stamp: now, tokens });
      allotments.push({ id, tokens, share: account.share });
    }
    return allotments;
  }

  /** Forgets what no longer counts. */
  sweep(now: number): void {
    for (const [id, accounts] of this.#budgets) {
      for (const [member, account] of accounts) {
        const counts = this.#options.times.hold + this.#options.rest(id);
        account.sent = account.sent.filter(({ stamp }) => now < stamp + counts);
        const over = now >= Math.max(account.heard, account.by ?? 0) + counts;
        if (over && account.want === 0 && account.sent.length === 0) accounts.delete(member);
      }
      if (accounts.size === 0) this.#budgets.delete(id);
    }
  }

  ids(): IterableIterator<BudgetId> {
    return this.#budgets.keys();
  }

  /** Whether a member hasn't been told yet what it may have, or not confirmed it. */
  differs(id: BudgetId, member: MemberName, tokens: number): boolean {
    const account = this.#budgets.get(id)?.get(member);
    const last = account?.sent.at(-1)?.tokens ?? (account?.by === undefined ? account?.share : account.holds);
    return last !== tokens;
  }

  /** The most that a member may be using now. */
  #most(id: BudgetId, { share, holds, by, heard, sent }: Account, now: number): number {
    const { loan, grace, hold } = this.#options.times;
    const end = grace + this.#options.rest(id);
    let most = share;
    if (holds > share) {
      if (now < Math.max(by === undefined ? 0 : by + loan, heard) + end) most = holds;
    } else if (by !== undefined && now < by + hold) most = holds;
    for (const { stamp, tokens } of sent) {
      most = Math.max(most, now < stamp + loan + end ? tokens : Math.min(tokens, share));
    }
    return most;
  }

  /** What a member uses of its own, for as long as a loan that is given now may be in use. */
  #lasting({ share, holds, by, sent }: Omit<Account, 'want' | 'heard'>, now: number): number {
    const { loan, grace, hold } = this.#options.times;
    if (by === undefined || now + loan + grace > by + hold) return share;
    return Math.min(share, Math.max(holds, ...sent.map(({ tokens }) => tokens)));
  }

  /** What is still lent to members that are silent now. */
  #away(
    id: BudgetId,
    known: ReadonlyMap<MemberName, Account>,
    members: readonly MemberName[],
    now: number,
  ): number {
    let away = 0;
    for (const [member, account] of known) {
      if (!members.includes(member)) away += Math.max(0, this.#most(id, account, now) - account.share);
    }
    return away;
  }

  #account(id: BudgetId, member: MemberName, share: number): Account {
    let accounts = this.#budgets.get(id);
    if (accounts === undefined) {
      accounts = new Map();
      this.#budgets.set(id, accounts);
    }
    let account = accounts.get(member);
    if (account === undefined) {
      account = newAccount(share);
      accounts.set(member, account);
    }
    return account;
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** It has what it wants, or will have it without us. */
function isContent({ want, share, holds, by }: Account): boolean {
  return want <= share && (by === undefined || want <= holds);
}

function newAccount(share: number): Account {
  return { want: 0, share, holds: share, by: undefined, heard: 0, sent: [] };
}
