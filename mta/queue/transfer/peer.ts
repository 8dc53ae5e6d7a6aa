/** The other members, as a sender of messages needs them. Every call may be lost on its way, or its answer. */
import type { QueueId } from '../types.ts';
import type { Receiver } from './facts.ts';

/** Sequences at the sender, and ids at the receiver, of what is there on stable storage. */
export type KeptMessages = readonly (readonly [number, QueueId])[];

export interface Opened {
  /** Goes with what is sent; a later opening of the batch ends it. */
  readonly session: string;
  /** Whether the receiver takes more just now. */
  readonly taking: boolean;
  /** Everything that it has of the batch. */
  readonly kept: KeptMessages;
}

export interface Sent {
  readonly kept: KeptMessages;
  /** Why it has not all of what was sent. */
  readonly refused?: string;
}

/**
 * All calls reject with what kept them from being answered, and then may have been done or not. `LaneGone` is an answer:
 * the lane is no more, and with it whatever it had.
 */
export interface Peers {
  /** Members that may be asked. */
  members(): Promise<readonly string[]>;
  /** Lanes of a member that take messages; none where it has no room, or is leaving itself. */
  lanes(member: string): Promise<readonly string[]>;
  /** What the receiver has of a batch. Whatever was sent of it before is decided when this is answered, and over. */
  open(receiver: Receiver, batch: string): Promise<Opened>;
  /** Sends messages, as frames. Answered when nothing of it is on its way; where some were refused, opening again decides. */
  send(receiver: Receiver, batch: string, session: string, frames: AsyncIterable<Buffer>): Promise<Sent>;
  /** The batch is over: the receiver forgets its keys. */
  done(receiver: Receiver, batch: string, session: string): Promise<void>;
}
