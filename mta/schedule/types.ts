/** What the scheduler is given, and what an attempt tells it. */
import type { Clock } from '../clock.ts';
import type { Delivery } from '../config.ts';
import type { Queue, StoredReply } from '../queue/types.ts';
import type { Random } from '../random.ts';
import type { DestinationKey } from '../route/types.ts';
import type { Work } from './destination.ts';

/** What an attempt says about the destination, besides what it settled in the queue. */
export interface AttemptReport {
  /** `answered`: a host spoke to us; `unreachable`: none did; `untried`: the destination wasn't asked. */
  readonly destination: 'answered' | 'unreachable' | 'untried';
  readonly reply?: StoredReply;
  /** How long it wants to be left alone, where it said so. */
  readonly waitMs?: number | undefined;
  /** Resolves when the settlement is on stable storage; never rejects. */
  readonly stored: Promise<void>;
}

export interface RoomAsked {
  readonly key: DestinationKey;
  /** Attempts under way. */
  readonly active: number;
  /** Attempts that would be under way if there were room. */
  readonly wanted: number;
  readonly down: boolean;
}

/** That a destination answers again, or that it doesn't, and in how long it may be asked next. */
export interface DestinationNews {
  readonly destination: DestinationKey;
  readonly down?: { readonly waitMs: number; readonly reply: StoredReply };
}

/** How much may go to a destination. Each question also says what is wanted. */
export interface Room {
  /** Attempts that may be under way now, in this process. */
  of(asked: RoomAsked): number;
  /** An attempt begins. */
  began(key: DestinationKey): void;
  /** There may be more room for this destination than was said last. */
  onMore(listener: (key: DestinationKey) => void): void;
}

export interface SchedulerOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly random: Random;
  readonly attempt: (work: Work) => Promise<AttemptReport>;
  /**
   * Ends what has been waiting for a destination for longer than it may, and warns of delays.
   *
   * @param reply why the destination is down, where it is
   */
  readonly lapse: (work: Work, reply?: StoredReply) => Promise<AttemptReport>;
  readonly delivery: () => Delivery;
  readonly room: Room;
  /** Told what other processes should know of a destination. */
  readonly learnt: (news: DestinationNews) => void;
  readonly onDefect: (error: unknown) => void;
}
