/**
 * A lane's part in moving messages between pods. As a sender it pins messages to a receiver, in a record that is synced
 * before a byte leaves; a pinned message is neither attempted nor changed. As a receiver it keeps a key with each message
 * that came, until the sender says that the batch is over: so that it is never taken twice.
 *
 * Fails as the journal does: with `SmtpError` 451 or 452, or when the lane is lost.
 */
import { PostriderError, smtpError } from '../../errors.ts';
import type { Random } from '../../random.ts';
import { encodeSettled } from '../format/message.ts';
import type { EncodedRecord } from '../format/record.ts';
import { randomName } from '../layout.ts';
import type { IndexedMessage, MessageIndex } from '../message-index.ts';
import type { Draft, QueueEntry, QueueId, Settlement, StoredMessage, StoredReply } from '../types.ts';
import type { Batch, Receiver, Reception, TransferFacts, TransferKey, TransferState } from './facts.ts';

export interface BatchLimits {
  readonly messages: number;
  /** Of content; one message may exceed it. */
  readonly bytes: number;
}

/** What of its lane this part works with. */
export interface TransferLane {
  readonly id: string;
  readonly index: Pick<MessageIndex, 'get' | 'sequences'>;
  idOf(sequence: number): QueueId;
  entryOf(message: IndexedMessage): QueueEntry;
  read(sequence: number): Promise<StoredMessage | undefined>;
  draft(key: TransferKey): Draft;
}

export interface TransferHome {
  readonly random: Random;
  /** Resolves when the record is on stable storage and the lease renewed; it is never refused for want of space. */
  append(record: EncodedRecord): Promise<unknown>;
  /** Settles a pinned message. */
  settle(sequence: number, settlement: Settlement): Promise<unknown>;
  /** The message may be attempted again. */
  free(entry: QueueEntry): void;
}

export class LaneTransfers {
  readonly #lane: TransferLane;
  readonly #state: TransferState;
  readonly #home: TransferHome;
  readonly #pins = new Map<number, string>();
  #cursor: Iterator<number> | undefined;

  constructor(lane: TransferLane, state: TransferState, home: TransferHome) {
    this.#lane = lane;
    this.#state = state;
    this.#home = home;
    for (const { batch, sequences } of state.batches()) {
      for (const sequence of sequences) if (lane.index.get(sequence)) this.#pins.set(sequence, batch);
    }
  }

  get lane(): string {
    return this.#lane.id;
  }

  /** Whether nobody waits for this lane any more: neither a receiver of ours nor a sender of others. */
  get idle(): boolean {
    return this.#state.empty;
  }

  pinned(sequence: number): boolean {
    return this.#pins.has(sequence);
  }

  /** Throws `MessageMoving` where nobody but its receiver may have it now. */
  mayChange(sequence: number): void {
    if (!this.#pins.has(sequence)) return;
    throw new PostriderError('MessageMoving', `${this.idOf(sequence)} is being moved to another pod`, {
      hint: 'Ask again when it has moved.',
    });
  }

  /** Says everything again, before a segment goes that may say it. Appends before it first waits. */
  async restate(): Promise<void> {
    if (this.#state.empty) return;
    const facts = { handing: this.#state.batches(), receptions: this.#state.receptions() };
    await this.#home.append(encodeFacts(facts));
  }

  /**
   * Resolves when the lane has been ours up to now, and everything that was written before is decided: what was refused
   * then is refused for good. Of two that take a lane for theirs, the former fails here.
   */
  async confirm(): Promise<void> {
    await this.#say({});
  }

  // ---- as a sender ------------------------------------------------------------------------------------------------

  /** Batches that are not over, of former owners of the lane too. */
  batches(): Batch[] {
    return this.#state.batches();
  }

  /**
   * Pins messages to a receiver; undefined where there is none to move. They count as held at once, and when this
   * resolves, so they do after any crash.
   *
   * @param mayMove asked for each message
   */
  async hand(
    receiver: Receiver,
    limits: BatchLimits,
    mayMove: (entry: QueueEntry) => boolean,
  ): Promise<Batch | undefined> {
    const name = randomName(this.#home.random, 80);
    const sequences: number[] = [];
    let bytes = 0;
    for (const sequence of this.#unpinned()) {
      const entry = this.entry(sequence);
      if (!entry || !mayMove(entry)) continue;
      if (sequences.length > 0 && bytes + entry.size > limits.bytes) break;
      this.#pins.set(sequence, name);
      sequences.push(sequence);
      bytes += entry.size;
      if (sequences.length >= limits.messages) break;
    }
    if (sequences.length === 0) return undefined;
    const batch: Batch = { ...receiver, batch: name, sequences };
    await this.#say({ handing: [batch] });
    return batch;
  }

  /** Goes on where it was left, and once around: a million that may not move yet are not asked for each batch anew. */
  *#unpinned(): IterableIterator<number> {
    for (let rounds = this.#cursor ? 0 : 1; rounds < 2; rounds += 1) {
      this.#cursor ??= this.#lane.index.sequences();
      for (let next = this.#cursor.next(); !next.done; next = this.#cursor.next()) {
        if (!this.#pins.has(next.value)) yield next.value;
      }
      this.#cursor = undefined;
    }
  }

  /** Messages of a batch that are still here. */
  left(batch: Batch): number[] {
    return batch.sequences.filter(
      (sequence) => this.#pins.get(sequence) === batch.batch && this.#lane.index.get(sequence) !== undefined,
    );
  }

  idOf(sequence: number): QueueId {
    return this.#lane.idOf(sequence);
  }

  entry(sequence: number): QueueEntry | undefined {
    const message = this.#lane.index.get(sequence);
    return message && this.#lane.entryOf(message);
  }

  /** A pinned message, with its jobs as they are; undefined where it can't be read: then it has left the queue. */
  read(sequence: number): Promise<StoredMessage | undefined> {
    return this.#lane.read(sequence);
  }

  /** The receiver has said that it has the message. Resolves when that is on stable storage. */
  async moved(sequence: number, { member }: Receiver, as: QueueId): Promise<void> {
    const jobs = this.entry(sequence)?.jobs ?? [];
    const reply = movedReply(member, as);
    await this.#home.settle(sequence, {
      ended: jobs.flatMap(({ recipients }) =>
        recipients.map((recipient) => ({ recipient, outcome: 'moved' as const, reply })),
      ),
      deferred: [],
    });
    this.#pins.delete(sequence);
  }

  /** The receiver has said what it has, and takes nothing more of the batch: what is left is as any other message. */
  async close(batch: Batch): Promise<void> {
    await this.#say({ handed: batch.batch });
    for (const sequence of batch.sequences) {
      if (this.#pins.get(sequence) !== batch.batch) continue;
      this.#pins.delete(sequence);
      const entry = this.entry(sequence);
      if (entry) this.#home.free(entry);
    }
  }

  // ---- as a receiver ----------------------------------------------------------------------------------------------

  receptions(): Reception[] {
    return this.#state.receptions();
  }

  /** What has come of a batch, and is on stable storage: sequences at the sender, and ids here. */
  kept(batch: string): [number, QueueId][] {
    return Array.from(this.#state.kept(batch), ([theirs, ours]) => [theirs, this.#lane.idOf(ours)]);
  }

  /** Throws as `Queue.draft` does, and where the message is here already. */
  draft(key: TransferKey): Draft {
    if (this.#state.kept(key.batch).has(key.sequence)) {
      throw smtpError('localError', { detail: 'the message has come already' });
    }
    return this.#lane.draft(key);
  }

  /** The record of a message that came is on stable storage. */
  received(key: TransferKey, sequence: number): void {
    this.#state.apply({ received: key }, Number.POSITIVE_INFINITY, sequence);
  }

  /** The sender has said that the batch is over. Nothing of it may be on its way in. */
  async forget(batch: string): Promise<void> {
    if (this.#state.receptions().some((one) => one.batch === batch)) await this.#say({ forgotten: batch });
  }

  /** Counts at once: whatever is appended later stands behind it. */
  async #say(facts: TransferFacts): Promise<void> {
    this.#state.apply(facts, Number.POSITIVE_INFINITY);
    await this.#home.append(encodeFacts(facts));
  }
}

/** What a recipient's record says that has gone to another member. @param as its message's id there */
export function movedReply(member: string, as: QueueId): StoredReply {
  return { code: 250, enhanced: '2.0.0', text: `Moved to ${member} as ${as}` };
}

const encodeFacts = (transfer: TransferFacts): EncodedRecord =>
  encodeSettled(0, { jobs: [], ended: [], transfer }, undefined);
