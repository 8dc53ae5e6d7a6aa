/**
 * What a lane's records say of messages that go to other lanes, and of those that came from them. They stand in the
 * state of a settlement of message 0, which no message is, so that a version that doesn't know them reads over them. A
 * fact may be replayed twice, and an older full state after newer facts: both come to the same. Pure.
 */

/** Where a batch goes: a lane of a member's, which is asked for by both names. */
export interface Receiver {
  readonly member: string;
  readonly lane: string;
}

/** Messages that go to one receiver, and to no other before it has said which of them it has. */
export interface Batch extends Receiver {
  /** Random, never used again. */
  readonly batch: string;
  /** In the sender's lane. */
  readonly sequences: readonly number[];
}

/** What a message is known by at its receiver. */
export interface TransferKey {
  readonly batch: string;
  /** Member that sent it. */
  readonly from: string;
  /** In the sender's lane. */
  readonly sequence: number;
}

/** `[sequence at the sender, sequence in the receiving lane]` of one message. */
export type Kept = readonly [number, number];

export interface Reception {
  readonly batch: string;
  readonly from: string;
  readonly kept: readonly Kept[];
}

export interface TransferFacts {
  /** Open batches of this lane. */
  readonly handing?: readonly Batch[];
  /** A batch that is over: its receiver has said what it has, and forgets it. */
  readonly handed?: string;
  /** The key of the message that the record brings. */
  readonly received?: TransferKey;
  /** Batches of others, of which the sender has not said that they are over. */
  readonly receptions?: readonly Reception[];
  /** A batch of another's that is over. */
  readonly forgotten?: string;
}

interface Known<T> {
  /** The newest segment that says so. */
  segment: number;
  readonly it: T;
}

interface OpenReception {
  readonly from: string;
  readonly kept: Map<number, number>;
}

export class TransferState {
  readonly #handing = new Map<string, Known<Batch>>();
  readonly #receptions = new Map<string, Known<OpenReception>>();

  /**
   * @param segment in which the facts stand
   * @param sequence of the message that the same record brings, where it does
   */
  apply(facts: TransferFacts, segment: number, sequence = 0): void {
    for (const batch of facts.handing ?? []) this.#handing.set(batch.batch, { segment, it: batch });
    if (facts.handed !== undefined) this.#handing.delete(facts.handed);
    for (const { batch, from, kept } of facts.receptions ?? []) {
      const reception = this.#reception(batch, from, segment);
      for (const [theirs, ours] of kept) reception.set(theirs, ours);
    }
    if (facts.received) {
      const { batch, from, sequence: theirs } = facts.received;
      this.#reception(batch, from, segment).set(theirs, sequence);
    }
    if (facts.forgotten !== undefined) this.#receptions.delete(facts.forgotten);
  }

  /** Forgets what only segments below `first` say: what lives is said again before one is dropped. */
  forget(first: number): void {
    for (const [batch, { segment }] of this.#handing) if (segment < first) this.#handing.delete(batch);
    for (const [batch, { segment }] of this.#receptions) if (segment < first) this.#receptions.delete(batch);
  }

  get empty(): boolean {
    return this.#handing.size === 0 && this.#receptions.size === 0;
  }

  batches(): Batch[] {
    return Array.from(this.#handing.values(), ({ it }) => it);
  }

  receptions(): Reception[] {
    return Array.from(this.#receptions, ([batch, { it }]) => ({
      batch,
      from: it.from,
      kept: [...it.kept],
    }));
  }

  /** What has come of a batch: their sequences, and ours. */
  kept(batch: string): ReadonlyMap<number, number> {
    return this.#receptions.get(batch)?.it.kept ?? new Map();
  }

  #reception(batch: string, from: string, segment: number): Map<number, number> {
    const known = this.#receptions.get(batch);
    if (known) {
      known.segment = Math.max(known.segment, segment);
      return known.it.kept;
    }
    const kept = new Map<number, number>();
    this.#receptions.set(batch, { segment, it: { from, kept } });
    return kept;
  }
}
