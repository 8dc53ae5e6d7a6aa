/**
 * The receiver of messages that another pod hands over: takes each once. A batch has one session at a time, and opening
 * it anew ends the one before, so that what was under way is settled before anybody is told what is here; a request that
 * was held up somewhere meets a session that is over.
 *
 * Fails with `LaneLost` where the lane is not this process's, `TransferOver` where the session is over, and for single
 * messages as a draft does: then they are not kept, and the sender is told why.
 */
import { PostriderError } from '../../errors.ts';
import type { Random } from '../../random.ts';
import { messageOf } from '../disk.ts';
import { randomName } from '../layout.ts';
import type { LaneQueue } from '../queue.ts';
import type { Draft, QueueId } from '../types.ts';
import { type FrameHeader, FrameReader, type FrameSink } from './frames.ts';
import type { LaneTransfers } from './lane-transfers.ts';
import type { Opened, Sent } from './peer.ts';

/** Content that may be on its way to the disk before the sender has to wait. */
const MOST_PENDING_BYTES = 8 << 20;
/** Sessions remembered: one for each sender's lane at a time is what there is. */
const MOST_SESSIONS = 1000;

export interface TakenMessage {
  readonly id: QueueId;
  readonly from: string;
  readonly header: FrameHeader;
  readonly size: number;
}

export interface ReceptionsDeps {
  readonly queue: Pick<LaneQueue, 'transfers' | 'home' | 'counts'>;
  readonly random: Random;
  /** A message is ours now. */
  readonly onTaken: (message: TakenMessage) => void;
}

export class Receptions {
  readonly #deps: ReceptionsDeps;
  /** By batch. */
  readonly #sessions = new Map<string, Session>();
  #closed = false;

  constructor(deps: ReceptionsDeps) {
    this.#deps = deps;
  }

  /** The lane that takes messages here; undefined where this process has no room, is leaving, or ends. */
  lane(): string | undefined {
    const { queue } = this.#deps;
    return this.#closed || queue.counts().full ? undefined : queue.home();
  }

  /** Takes nothing more: this process ends, and the lane's next owner is asked anew. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Array.from(this.#sessions.values(), (session) => session.end()));
  }

  /** @param from member that asks */
  async open(lane: string, batch: string, from: string): Promise<Opened> {
    const transfers = this.#lane(lane);
    const session = new Session(
      randomName(this.#deps.random, 80),
      transfers,
      { batch, from },
      this.#deps.onTaken,
    );
    const before = this.#sessions.get(batch);
    this.#sessions.delete(batch);
    this.#sessions.set(batch, session);
    await before?.end();
    // What a process that has died left of a message that was coming is no message.
    for (const [oldest, one] of this.#sessions) {
      if (this.#sessions.size <= MOST_SESSIONS) break;
      this.#sessions.delete(oldest);
      await one.end();
    }
    // Of a commit that failed it is not known before this whether it counts; nor whether the lane is ours.
    await transfers.confirm();
    return { session: session.name, taking: this.lane() !== undefined, kept: transfers.kept(batch) };
  }

  /** Takes the next bytes of the frames; resolves when more may come. */
  async write(batch: string, session: string, chunk: Buffer): Promise<void> {
    await this.#session(batch, session).write(chunk);
  }

  /** The frames are at their end, or won't go on: resolves when all of it is settled. */
  async finish(batch: string, session: string): Promise<Sent> {
    return this.#session(batch, session).end();
  }

  async done(lane: string, batch: string, name: string): Promise<void> {
    const transfers = this.#lane(lane);
    const session = this.#session(batch, name);
    this.#sessions.delete(batch);
    await session.end();
    await transfers.forget(batch);
  }

  #lane(lane: string): LaneTransfers {
    if (this.#closed) throw new PostriderError('LaneLost', 'this process ends');
    const found = this.#deps.queue.transfers().find((transfers) => transfers.lane === lane);
    if (found) return found;
    throw new PostriderError('LaneLost', `lane ${lane} is not in this process`);
  }

  #session(batch: string, name: string): Session {
    const session = this.#sessions.get(batch);
    if (session?.name === name) return session;
    throw over(batch);
  }
}

class Session {
  readonly name: string;
  readonly #transfers: LaneTransfers;
  readonly #about: { readonly batch: string; readonly from: string };
  readonly #onTaken: (message: TakenMessage) => void;
  readonly #reader: FrameReader;
  readonly #seen = new Set<number>();
  readonly #pending = new Set<Promise<void>>();
  #pendingBytes = 0;
  #draft: Draft | undefined;
  #refused: string | undefined;
  #ended = false;

  constructor(
    name: string,
    transfers: LaneTransfers,
    about: { readonly batch: string; readonly from: string },
    onTaken: (message: TakenMessage) => void,
  ) {
    this.name = name;
    this.#transfers = transfers;
    this.#about = about;
    this.#onTaken = onTaken;
    for (const [sequence] of transfers.kept(about.batch)) this.#seen.add(sequence);
    this.#reader = new FrameReader((header) => this.#begin(header));
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#ended) throw over(this.#about.batch);
    await this.#reader.write(chunk);
  }

  /** Takes nothing more; resolves when nothing is under way. */
  async end(): Promise<Sent> {
    const cut = !this.#ended && !this.#reader.complete;
    this.#ended = true;
    await this.#draft?.abort();
    this.#draft = undefined;
    await Promise.all(this.#pending);
    if (cut) this.#refused ??= 'the stream ended within a message';
    return {
      kept: this.#transfers.kept(this.#about.batch),
      ...(this.#refused === undefined ? {} : { refused: this.#refused }),
    };
  }

  #begin(header: FrameHeader): FrameSink {
    const { sequence } = header;
    if (this.#ended || this.#seen.has(sequence)) return NOWHERE;
    this.#seen.add(sequence);
    let draft: Draft;
    try {
      draft = this.#transfers.draft({ ...this.#about, sequence });
    } catch (error) {
      this.#refuse(error);
      return NOWHERE;
    }
    this.#draft = draft;
    let failed = false;
    const fail = async (error: unknown): Promise<void> => {
      failed = true;
      this.#refuse(error);
      await draft.abort();
    };
    return {
      write: async (chunk) => {
        if (failed) return;
        try {
          await draft.write(chunk);
        } catch (error) {
          await fail(error);
        }
      },
      end: () => {
        this.#draft = undefined;
        return failed ? undefined : this.#commit(draft, header);
      },
    };
  }

  async #commit(draft: Draft, header: FrameHeader): Promise<void> {
    if (this.#ended) {
      await draft.abort();
      throw over(this.#about.batch);
    }
    const { id, size } = draft;
    const committed: Promise<void> = draft
      .commit(header.envelope, header.jobs)
      .then(() => this.#onTaken({ id, from: this.#about.from, header, size }))
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#pending.delete(committed);
        this.#pendingBytes -= size;
      });
    this.#pending.add(committed);
    this.#pendingBytes += size;
    if (this.#pendingBytes > MOST_PENDING_BYTES) await Promise.all(this.#pending);
  }

  #refuse(error: unknown): void {
    this.#refused ??= messageOf(error);
  }
}

/** For what is here already, or can't be taken: its content passes by. */
const NOWHERE: FrameSink = { write: () => undefined, end: () => undefined };

function over(batch: string): PostriderError {
  return new PostriderError('TransferOver', `batch ${batch} has been opened anew, or is over`);
}
