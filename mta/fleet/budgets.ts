/**
 * The budgets of one member: what it may use of each, and what it tells and hears of the others. It is fed with messages
 * that may be late, lost, or of a process that is gone, and never waits for one.
 *
 * The promise, where all members have the same names and limits (docs/decisions/0702): the tokens in use never exceed
 * the limit, but for one of each member that has none and no answer yet. Members that are cut off from each other have
 * what each of them owns, one at least. What is under way when a loan ends may go on beyond it.
 */
import { Arbiter } from './arbiter.ts';
import { type BudgetId, type BudgetMessage, type BudgetTimes, MOST_BUDGETS } from './budget-types.ts';
import { Holder, type Word } from './holder.ts';
import { arbiterOf, shareOf } from './shares.ts';
import type { MemberName } from './types.ts';

export interface BudgetsOptions {
  readonly self: MemberName;
  /** Ms since the epoch at which this process began. */
  readonly incarnation: number;
  readonly times: BudgetTimes;
  /** Tokens of the whole fleet; undefined for a budget that our config doesn't have. */
  readonly limit: (id: BudgetId) => number | undefined;
  /** How long a token is in use after its use, in ms. */
  readonly rest: (id: BudgetId) => number;
  /** How long one without any token waits for an answer before taking one, in ms; Infinity for never. */
  readonly patience: (id: BudgetId) => number;
}

interface Peer {
  incarnation: number;
  /** Of its newest message. */
  stamp: number;
  /** Our newest stamp that it has taken in. */
  seen: number;
  heard: number;
  names: readonly MemberName[];
}

/** A process that speaks as a member which we know as another. */
interface Successor {
  readonly incarnation: number;
  /** Our stamp when it first spoke. */
  readonly since: number;
}

/** Budgets whose shares are kept: of all that we use, and of all that we lend. */
const MOST_SHARES = 4 * MOST_BUDGETS;

export class Budgets {
  readonly #options: BudgetsOptions;
  readonly #holder: Holder;
  readonly #arbiter: Arbiter;
  readonly #peers = new Map<MemberName, Peer>();
  readonly #successors = new Map<MemberName, Successor>();
  /** What each member owns of a limit, by `#names`. */
  readonly #shares = new Map<BudgetId, { readonly limit: number; readonly of: Map<MemberName, number> }>();
  #names: readonly MemberName[];
  /** Names as they were, until when they count. */
  #former: { readonly names: readonly MemberName[]; readonly until: number }[] = [];
  #stamp = 0;
  readonly #due = new Set<MemberName>();

  constructor(options: BudgetsOptions) {
    this.#options = options;
    this.#names = [options.self];
    this.#holder = new Holder({
      times: options.times,
      share: (id, now) => this.#share(id, now),
      patience: options.patience,
      answered: (id, since, word, now) => this.#answered(id, since, word, now),
    });
    this.#arbiter = new Arbiter({
      times: options.times,
      limit: options.limit,
      rest: options.rest,
      least: (id) => (options.patience(id) === Number.POSITIVE_INFINITY ? 0 : 1),
      share: (id, member) => this.#owned(id, member),
    });
  }

  /**
   * Who the members are, silent ones too, oneself among them. Former names count on for a while: what was ours is taken
   * over by nobody before we have heard of it.
   */
  setNames(names: readonly MemberName[], now: number): void {
    const sorted = [...new Set(names)].sort();
    if (sorted.join() === this.#names.join()) return;
    this.#former.push({ names: this.#names, until: now + this.#options.times.change });
    this.#names = sorted;
    this.#shares.clear();
    for (const known of [this.#peers, this.#successors]) {
      for (const name of known.keys()) if (!sorted.includes(name)) known.delete(name);
    }
  }

  /**
   * To be called first where there are or may be others: who was here before us may have lent what we own, so that for a
   * while we own nothing.
   */
  begin(names: readonly MemberName[], now: number): void {
    this.setNames(names, now);
    this.#former = [{ names: [], until: now + this.#options.times.change }];
  }

  /** What is wanted and used here of a budget just now; 0 and 0 for no more. */
  need(id: BudgetId, want: number, use: number, now: number): void {
    const capped = Math.min(want, this.#options.limit(id) ?? want);
    if (!this.#holder.need(id, capped, use, now)) return;
    const arbiter = this.#arbiterOf(id, this.live(now));
    if (arbiter === this.#options.self) this.#settle(now);
    else this.#due.add(arbiter);
  }

  /** How many tokens may be in use here now. */
  allowance(id: BudgetId, now: number): number {
    return this.#holder.allowance(id, now);
  }

  ids(): IterableIterator<BudgetId> {
    return this.#holder.ids();
  }

  /** Members heard lately, oneself among them. */
  live(now: number): MemberName[] {
    const since = now - this.#options.times.silent;
    const { self } = this.#options;
    return this.#names.filter(
      (name) => name === self || (this.#peers.get(name)?.heard ?? Number.NEGATIVE_INFINITY) >= since,
    );
  }

  /** Members to exchange messages with at once, rather than at the next beat. */
  takeDue(): MemberName[] {
    const due = [...this.#due].filter((name) => this.#names.includes(name));
    this.#due.clear();
    return due;
  }

  /** What to tell a member; to be sent at once, or not at all. */
  message(to: MemberName, now: number): BudgetMessage {
    this.#stamp = Math.max(now, this.#stamp + 0.001);
    const stamp = this.#stamp;
    const { self, incarnation } = this.#options;
    const peer = this.#peers.get(to);
    const live = this.live(now);
    const isOurs = (id: BudgetId) => this.#arbiterOf(id, live) === self;
    return {
      incarnation,
      to: peer?.incarnation ?? 0,
      stamp,
      seen: peer?.stamp ?? 0,
      names: [...this.#names],
      claims: this.#holder.claims(
        { arbiter: to, incarnation: peer?.incarnation ?? 0 },
        (id) => this.#arbiterOf(id, live) === to,
        now,
      ),
      allotments: peer === undefined ? [] : this.#arbiter.allot(to, live, isOurs, stamp),
    };
  }

  receive(from: MemberName, message: BudgetMessage, now: number): void {
    this.#take(from, message, now);
    if (from !== this.#options.self) this.#settle(now);
  }

  /** To be called now and then: what no longer counts is forgotten, and budgets that we lend are looked at anew. */
  tick(now: number): void {
    this.#former = this.#former.filter(({ until }) => now < until);
    this.#arbiter.sweep(now);
    this.#settle(now);
  }

  #take(from: MemberName, message: BudgetMessage, now: number): void {
    const { self, incarnation } = this.#options;
    if (!this.#names.includes(from)) return;
    const before = this.#peers.get(from);
    const knowsUs = message.to === incarnation;
    if (before !== undefined) {
      if (message.incarnation === before.incarnation) {
        if (message.stamp <= before.stamp) return;
      } else {
        if (!this.#isAlive(from, message, knowsUs)) return;
        this.#arbiter.forget(from);
      }
    }
    this.#peers.set(from, {
      incarnation: message.incarnation,
      stamp: message.stamp,
      seen: knowsUs ? message.seen : 0,
      heard: now,
      names: message.names,
    });
    const claims = knowsUs ? message.claims : message.claims.map(({ by: _, ...claim }) => claim);
    this.#arbiter.claim(from, claims, now);
    if (!knowsUs) return;
    for (const allotment of message.allotments) {
      const { stamp, seen: asked } = message;
      const had = this.allowance(allotment.id, now);
      this.#holder.allot(allotment, { arbiter: from, incarnation: message.incarnation, stamp, asked }, now);
      // Whoever waits for what we leave should hear that we do.
      if (allotment.tokens < had && from !== self) this.#due.add(from);
    }
  }

  /**
   * Whether a process in the place of another has heard us since it first spoke: what a dead one sent may come late. Wall
   * clocks don't tell which came later: the pod may have moved to a node whose clock is behind.
   */
  #isAlive(from: MemberName, { incarnation, seen }: BudgetMessage, knowsUs: boolean): boolean {
    const known = this.#successors.get(from);
    if (known?.incarnation !== incarnation) {
      this.#successors.set(from, { incarnation, since: this.#stamp });
      // It waits for our answer, to be heard.
      this.#due.add(from);
      return false;
    }
    if (!knowsUs || seen <= known.since) return false;
    this.#successors.delete(from);
    return true;
  }

  /** Lends to ourselves as to anybody, and finds out whom else there is news for. */
  #settle(now: number): void {
    const { self } = this.#options;
    for (let round = 0; round < 3; round += 1) this.#take(self, this.message(self, now), now);
    const live = this.live(now);
    for (const id of this.#arbiter.ids()) {
      if (this.#arbiterOf(id, live) !== self) continue;
      for (const [member, tokens] of this.#arbiter.decide(id, live, now) ?? []) {
        if (member !== self && this.#arbiter.differs(id, member, tokens)) this.#due.add(member);
      }
    }
  }

  #arbiterOf(id: BudgetId, live: readonly MemberName[]): MemberName {
    return arbiterOf(id, live) ?? this.#options.self;
  }

  #answered(id: BudgetId, since: number, word: Word | undefined, now: number): boolean {
    const arbiter = this.#arbiterOf(id, this.live(now));
    if (word !== undefined && now < word.holdUntil && word.arbiter !== arbiter) return false;
    const peer = this.#peers.get(arbiter);
    return peer !== undefined && peer.seen >= since;
  }

  #share(id: BudgetId, now: number): number {
    const limit = this.#options.limit(id) ?? 0;
    const { self } = this.#options;
    let least = this.#owned(id, self);
    const take = (names: readonly MemberName[]) => {
      if (!isSame(names, this.#names)) least = Math.min(least, shareOf(limit, id, self, names));
    };
    const since = now - this.#options.times.silent;
    for (const { heard, names } of this.#peers.values()) if (heard >= since) take(names);
    for (const { until, names } of this.#former) if (now < until) take(names);
    return least;
  }

  /** What a member owns by the names that we know: kept, as it is asked for with every message. */
  #owned(id: BudgetId, member: MemberName): number {
    const limit = this.#options.limit(id) ?? 0;
    let known = this.#shares.get(id);
    if (known?.limit !== limit) {
      if (this.#shares.size >= MOST_SHARES) this.#shares.clear();
      known = { limit, of: new Map() };
      this.#shares.set(id, known);
    }
    let share = known.of.get(member);
    if (share === undefined) {
      share = shareOf(limit, id, member, this.#names);
      known.of.set(member, share);
    }
    return share;
  }
}

function isSame(one: readonly MemberName[], other: readonly MemberName[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}
