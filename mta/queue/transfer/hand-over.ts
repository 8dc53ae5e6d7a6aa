/**
 * The sender of messages: gives everything that this process has to other members, a batch at a time to each, or only
 * finishes what was begun. A batch is pinned to its receiver on disk before it is asked, and stays so until it has
 * answered: what it has is settled as moved, the rest is free again.
 *
 * Fails for nobody: a member that doesn't answer is asked again, its batch waits, the others go on.
 */
import type { Clock } from '../../clock.ts';
import { PostriderError } from '../../errors.ts';
import type { Random } from '../../random.ts';
import { messageOf } from '../disk.ts';
import type { LaneQueue } from '../queue.ts';
import type { QueueEntry, QueueId, StoredMessage } from '../types.ts';
import type { Batch } from './facts.ts';
import { encodeFrame } from './frames.ts';
import type { BatchLimits, LaneTransfers } from './lane-transfers.ts';
import type { KeptMessages, Opened, Peers, Sent } from './peer.ts';

const LIMITS: BatchLimits = { messages: 256, bytes: 8 << 20 };
/** How often members are looked for, and lanes for what can be done. */
const LOOK_MS = 1000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;

export interface MovedMessage {
  /** As it was. */
  readonly entry: QueueEntry;
  /** Undefined where it could not be read. */
  readonly message: StoredMessage | undefined;
  readonly to: string;
  /** Its id there. */
  readonly as: QueueId;
}

export interface HandOverDeps {
  readonly queue: LaneQueue;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether a message is not being attempted. */
  readonly mayMove: (entry: QueueEntry) => boolean;
  /** A message has gone, and that is on stable storage. */
  readonly onMoved: (moved: MovedMessage) => void;
  readonly log: { warn(fields: object, message: string): void };
}

export interface PinnedBatch {
  readonly member: string;
  readonly lane: string;
  readonly batch: string;
  readonly messages: number;
}

export interface HandOverStatus {
  /** What is still here; those of pinned batches are among them. */
  readonly messages: number;
  readonly bytes: number;
  readonly lanes: number;
  readonly moved: { readonly messages: number; readonly bytes: number };
  /** Batches whose receiver has not answered. */
  readonly pinned: readonly PinnedBatch[];
  /** Batches of others that are not over: their senders have yet to say so. */
  readonly owed: readonly { readonly member: string; readonly lane: string; readonly batch: string }[];
  /** What kept members from taking mail when they were last asked, and messages from being read. */
  readonly problems: readonly { readonly subject: string; readonly reason: string }[];
}

interface Trouble {
  readonly reason: string;
  readonly failures: number;
  /** Monotonic ms. */
  readonly retryAt: number;
}

export class HandOver {
  readonly #deps: HandOverDeps;
  readonly #couriers = new Map<string, Promise<void>>();
  readonly #trouble = new Map<string, Trouble>();
  /** Messages that could not be read, and until when they are left alone. */
  readonly #unreadable = new Map<QueueId, Trouble & { readonly batch: string }>();
  #leaving = false;
  #stopped = false;
  #messages = 0;
  #bytes = 0;
  #cancelLook: () => void = () => undefined;

  constructor(deps: HandOverDeps) {
    this.#deps = deps;
  }

  /** Finishes what was begun, now and whenever a lane is adopted that has something begun. */
  start(): void {
    this.#look();
  }

  /** Gives everything away, and removes the lanes that are empty. */
  leave(): void {
    this.#leaving = true;
    this.#deps.queue.leave();
    this.#look();
  }

  /** Resolves when nothing is under way; what is not answered by then stays pinned. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelLook();
    await Promise.all(this.#couriers.values());
  }

  status(): HandOverStatus {
    const { messages, bytes, lanes } = this.#deps.queue.counts();
    const transfers = this.#deps.queue.transfers();
    return {
      messages,
      bytes,
      lanes,
      moved: { messages: this.#messages, bytes: this.#bytes },
      pinned: transfers.flatMap((each) =>
        each.batches().map((batch) => ({
          member: batch.member,
          lane: batch.lane,
          batch: batch.batch,
          messages: each.left(batch).length,
        })),
      ),
      owed: transfers.flatMap((each) =>
        each.receptions().map(({ batch, from }) => ({ member: from, lane: each.lane, batch })),
      ),
      problems: [...this.#trouble, ...this.#unreadable].map(([subject, { reason }]) => ({ subject, reason })),
    };
  }

  /**
   * A person says that a member is gone for good: what is pinned to it is free again, though the member may have taken
   * it; and what came from it may come again. Resolves with the messages that are free.
   */
  async giveUp(member: string): Promise<number> {
    await this.#couriers.get(member);
    let freed = 0;
    for (const transfers of this.#deps.queue.transfers()) {
      for (const batch of transfers.batches()) {
        if (batch.member !== member) continue;
        freed += transfers.left(batch).length;
        await transfers.close(batch);
      }
      for (const { batch, from } of transfers.receptions())
        if (from === member) await transfers.forget(batch);
    }
    this.#trouble.delete(member);
    return freed;
  }

  #look(): void {
    this.#cancelLook();
    if (this.#stopped) return;
    this.#cancelLook = this.#deps.clock.after(LOOK_MS, () => this.#look());
    this.#dispatch().catch((error: unknown) => {
      this.#deps.log.warn({ err: error }, 'members could not be looked for');
    });
  }

  async #dispatch(): Promise<void> {
    const { queue, peers, clock } = this.#deps;
    if (this.#leaving) await queue.retireEmpty();
    const pinned = queue.transfers().flatMap((transfers) => transfers.batches().map(({ member }) => member));
    const others = this.#leaving && queue.counts().messages > 0 ? await peers.members() : [];
    for (const member of new Set([...pinned, ...others])) {
      const trouble = this.#trouble.get(member);
      if (this.#stopped || this.#couriers.has(member)) continue;
      if (trouble && clock.monotonic() < trouble.retryAt) continue;
      const courier = this.#serve(member)
        .catch((error: unknown) => this.#failed(member, error))
        .finally(() => {
          this.#couriers.delete(member);
        });
      this.#couriers.set(member, courier);
    }
  }

  #failed(member: string, error: unknown): void {
    this.#trouble.set(member, this.#later(this.#trouble.get(member), messageOf(error)));
    this.#deps.log.warn({ member, err: error }, 'messages could not be handed over');
  }

  #later(before: Trouble | undefined, reason: string): Trouble {
    const failures = (before?.failures ?? 0) + 1;
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
    const { clock, random } = this.#deps;
    return { reason, failures, retryAt: clock.monotonic() + wait * (0.5 + random.fraction() / 2) };
  }

  /** Batch after batch to one member, until there is nothing for it, or it takes nothing more. */
  async #serve(member: string): Promise<void> {
    for (const { transfers, batch } of this.#begun(member)) await this.#deliver(transfers, batch);
    this.#trouble.delete(member);
    while (this.#leaving && !this.#stopped) {
      const next = await this.#next(member);
      if (!next) return;
      const refused = await this.#deliver(next.transfers, next.batch);
      if (refused !== undefined) throw new Error(refused);
    }
  }

  #begun(member: string): { transfers: LaneTransfers; batch: Batch }[] {
    return this.#deps.queue
      .transfers()
      .flatMap((transfers) => transfers.batches().map((batch) => ({ transfers, batch })))
      .filter(({ batch }) => batch.member === member);
  }

  async #next(member: string): Promise<{ transfers: LaneTransfers; batch: Batch } | undefined> {
    const { queue, peers, random } = this.#deps;
    if (queue.counts().messages === 0) return undefined;
    const lanes = await peers.lanes(member);
    const lane = lanes[Math.floor(random.fraction() * lanes.length)];
    if (lane === undefined) return undefined;
    for (const transfers of queue.transfers()) {
      const batch = await transfers.hand({ member, lane }, LIMITS, (entry) => this.#mayMove(entry));
      if (batch) return { transfers, batch };
    }
    return undefined;
  }

  #mayMove(entry: QueueEntry): boolean {
    const trouble = this.#unreadable.get(entry.id);
    return (!trouble || this.#deps.clock.monotonic() >= trouble.retryAt) && this.#deps.mayMove(entry);
  }

  /** Resolves when the batch is over, with why the receiver did not take all of it. */
  async #deliver(transfers: LaneTransfers, batch: Batch): Promise<string | undefined> {
    const { peers } = this.#deps;
    const read = new Map<number, StoredMessage>();
    let opened = await this.#open(transfers, batch, read);
    let refused: string | undefined;
    if (opened && this.#leaving && opened.taking && transfers.left(batch).length > 0) {
      const sent = await this.#send(transfers, batch, opened, read);
      await this.#settle(transfers, batch, sent.kept, read);
      ({ refused } = sent);
      // What it refused it may have all the same.
      if (refused !== undefined) opened = await this.#open(transfers, batch, read);
    }
    if (opened) await unlessGone(peers.done(batch, batch.batch, opened.session));
    await transfers.close(batch);
    return refused;
  }

  /** Undefined where the receiving lane is no more. */
  async #open(
    transfers: LaneTransfers,
    batch: Batch,
    read: ReadonlyMap<number, StoredMessage>,
  ): Promise<Opened | undefined> {
    const opened = await unlessGone(this.#deps.peers.open(batch, batch.batch));
    // Whoever else takes the lane for his has to open the batch after this, and then our session is over.
    await transfers.confirm();
    if (opened) await this.#settle(transfers, batch, opened.kept, read);
    return opened;
  }

  #send(
    transfers: LaneTransfers,
    batch: Batch,
    { session }: Opened,
    read: Map<number, StoredMessage>,
  ): Promise<Sent> {
    return this.#deps.peers.send(batch, batch.batch, session, this.#frames(transfers, batch, read));
  }

  async *#frames(
    transfers: LaneTransfers,
    batch: Batch,
    read: Map<number, StoredMessage>,
  ): AsyncGenerator<Buffer> {
    for (const sequence of transfers.left(batch)) {
      const id = transfers.idOf(sequence);
      const trouble = this.#unreadable.get(id);
      // Once is enough for a batch: the others in it would wait for this one.
      if (trouble?.batch === batch.batch) continue;
      try {
        const message = await transfers.read(sequence);
        // Its record is damaged: it has left the queue, kept aside.
        if (!message) continue;
        const { jobs, content } = message;
        const envelope = { ...message.envelope, firstId: message.envelope.firstId ?? id };
        yield* encodeFrame({ sequence, envelope, jobs }, content);
        read.set(sequence, message);
        this.#unreadable.delete(id);
      } catch (error) {
        const later = this.#later(trouble, `it can't be read: ${messageOf(error)}`);
        this.#unreadable.set(id, { ...later, batch: batch.batch });
        throw error;
      }
    }
  }

  /** All of them share their syncs. */
  async #settle(
    transfers: LaneTransfers,
    batch: Batch,
    kept: KeptMessages,
    read: ReadonlyMap<number, StoredMessage>,
  ): Promise<void> {
    const left = new Set(transfers.left(batch));
    await Promise.all(
      kept.map(async ([sequence, as]) => {
        const entry = transfers.entry(sequence);
        if (!left.has(sequence) || entry === undefined) return;
        const message = read.get(sequence) ?? (await transfers.read(sequence).catch(() => undefined));
        await transfers.moved(sequence, batch, as);
        this.#messages += 1;
        this.#bytes += entry.size;
        this.#deps.onMoved({ entry, message, to: batch.member, as });
      }),
    );
  }
}

/** Undefined where the receiving lane is no more: that is an answer too. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof PostriderError && error.code === 'LaneGone') return undefined;
    throw error;
  }
}
