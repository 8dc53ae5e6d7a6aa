/**
 * What the rest of the mta knows of the queue. Segments, leases and records stay behind this page; of lanes it knows that
 * they change hands.
 *
 * A message is accepted with one or more jobs; a job is those of its recipients that share a destination, and is what
 * the scheduler plans and an attempt works on. A recipient leaves its job when it ends (delivered, bounced, expired or
 * removed, or moved to another pod); a message leaves the queue with its last recipient.
 */
import type { Readable } from 'node:stream';
import type { Envelope } from '../envelope.ts';

/** `<lane>-<sequence in base 36>`: unique for good, as lane ids are never used again. */
export type QueueId = string;

/** Names a message within this process, as long as it runs: a number, as what waits is kept in columns of them. */
export type MessageHandle = number;

/** A reply as it is kept with a deferred or ended recipient. */
export interface StoredReply {
  readonly code: number;
  readonly enhanced: string;
  readonly text: string;
  /** Host that said it; absent where it was us. */
  readonly remote?: string;
}

/** Immutable; a change makes a new one. Times in ms since the epoch. */
export interface Job {
  /** Key of the destination (`route/destination.ts`); interned, as many jobs share it. */
  readonly destination: string;
  /** Indexes into `envelope.recipients`. */
  readonly recipients: readonly number[];
  readonly attempts: number;
  readonly dueAt: number;
  /** Held by a person: not tried until released, and not expired. */
  readonly held?: boolean;
  readonly delayWarned?: boolean;
  /** When its sender is to hear that it is late, or to get it back (RFC 2852); absent where neither is to be done. */
  readonly deliverBy?: number;
  /** RFC 6710, -9 to 9; absent is 0. */
  readonly priority?: number;
  readonly lastReply?: StoredReply;
}

/** `moved`: the message goes on in another pod's queue, under another id. */
export type Outcome = 'delivered' | 'bounced' | 'expired' | 'removed' | 'moved';

export interface EndedRecipient {
  /** Index into `envelope.recipients`. */
  readonly recipient: number;
  readonly outcome: Outcome;
  readonly reply?: StoredReply;
}

/** What came of an attempt, or of a person's decision. */
export interface Settlement {
  readonly ended: readonly EndedRecipient[];
  /** New jobs of recipients that go on; they leave the jobs that they were in. */
  readonly deferred: readonly Job[];
  /** A report of ours (bounce, warning), queued in the same record: both count, or neither does. */
  readonly report?: NewMessage;
}

export interface NewMessage {
  readonly envelope: Envelope;
  readonly jobs: readonly Job[];
  readonly content: Buffer;
}

/** A message on its way in. Small ones are kept in memory, larger ones go to a file as they arrive. */
export interface Draft {
  readonly id: QueueId;
  /** Bytes written so far. */
  readonly size: number;
  /** Takes the next bytes of the content; a promise where the writer has to wait. Rejects with an `SmtpError`. */
  write(chunk: Buffer): Promise<void> | undefined;
  /**
   * Resolves when the message is on stable storage and the lease has been renewed after that: only then may 250 be
   * answered. Rejects with `SmtpError` 451 or 452, and then nothing of the message will ever be delivered, unless
   * the failure left that open (RFC 5321 §4.2.5 lets the client try again).
   */
  commit(envelope: Envelope, jobs: readonly Job[]): Promise<void>;
  /** Forgets the message; safe at any time before `commit`, and after. */
  abort(): Promise<void>;
}

export interface MessageContent {
  /** Bytes, as they will be sent before dot-stuffing: lines end in CRLF. */
  readonly size: number;
  /** The whole content where it is small enough to be in memory. */
  readonly bytes: Buffer | undefined;
  /**
   * A new stream of the content; the reader closes it. Fails with the disk's error, or `QueueDamaged`: then never after
   * all of it has been given away.
   */
  stream(): Readable;
}

export interface StoredMessage {
  readonly id: QueueId;
  readonly envelope: Envelope;
  readonly jobs: readonly Job[];
  readonly content: MessageContent;
}

/** The in-memory index's view of a message: no disk access. */
export interface QueueEntry {
  readonly id: QueueId;
  readonly handle: MessageHandle;
  readonly size: number;
  readonly arrivedAt: number;
  /** What fairness counts by: the user, else the domain of the reverse-path, else `''`; interned, as many share it. */
  readonly sender: string;
  readonly jobs: readonly Job[];
}

/** Recipients of all messages by how they stand at a moment, whether or not an attempt is under way. */
export interface RecipientCounts {
  /** May be tried. */
  due: number;
  /** Wait for their time. */
  deferred: number;
  held: number;
}

/** What is absent may be anything. */
export interface JobFilter {
  readonly destination?: string | undefined;
  readonly held?: boolean | undefined;
}

/** The jobs for one destination at a moment. */
export interface DestinationCount {
  readonly jobs: number;
  /** Of them, those that wait for their time. */
  readonly deferred: number;
  /** A reply that one of them was deferred with. */
  readonly lastReply?: StoredReply;
}

export interface QueueCounts {
  readonly messages: number;
  readonly bytes: number;
  /** Ms since the epoch; undefined when empty. */
  readonly oldest: number | undefined;
  readonly lanes: number;
  /** Damaged records, groups and bodies that were found since the lanes were opened. */
  readonly damaged: number;
  /** Whether new mail is refused for want of space. */
  readonly full: boolean;
}

/** Names the queue of one process, for good: 60 random bits in base 32. */
export type WorkerId = string;

/** A lane that its owner has let go. Small enough to tell everybody; who misses it finds the same on the volume. */
export interface LaneRelease {
  readonly lane: string;
  /** What its lease was called last: whoever renames that file owns the lane, and needs no listing for it. */
  readonly lease: string;
  /** Who should take it; the others leave it alone for a term. Anybody, where absent. */
  readonly to?: WorkerId;
}

/** A lane of this process. */
export interface LaneSummary {
  readonly id: string;
  readonly messages: number;
  readonly bytes: number;
  /** Recipients that may be tried now. */
  readonly due: number;
  /** Whether new mail goes there; else it was adopted. */
  readonly home: boolean;
}

export interface Queue {
  readonly worker: WorkerId;
  /** Throws `SmtpError` 452 4.3.1 when storage is short of space, 451 when no lane is ours just now. */
  draft(): Draft;
  /** Queues a message of our own making; as durable as `Draft.commit`. */
  enqueue(message: NewMessage): Promise<QueueId>;
  /**
   * Undefined where there is no such message (any more) in a lane of this process; one whose record is found damaged
   * leaves the queue, reported and kept aside. Rejects with the disk's error, after which it may be tried again.
   */
  read(id: QueueId): Promise<StoredMessage | undefined>;
  entry(id: QueueId): QueueEntry | undefined;
  /** As `entry`; undefined also for messages of lanes that are no longer ours. */
  at(handle: MessageHandle): QueueEntry | undefined;
  /** All messages, in no order that is promised. The queue may change while they are walked. */
  entries(): IterableIterator<QueueEntry>;
  /**
   * Applies a settlement. The index changes at once; the promise resolves once the record is synced and the lease
   * renewed.
   */
  settle(id: QueueId, settlement: Settlement): Promise<void>;
  /** Whether this process still owns the lane of the message: asked before MAIL and before the final dot. */
  owns(id: QueueId): boolean;
  counts(): QueueCounts;
  /** @param now ms since the epoch */
  countRecipients(now: number): RecipientCounts;
  /**
   * The destinations with the most jobs, at most `most`, by their keys, the largest first. The event loop turns while a
   * million jobs are looked at: what changes meanwhile is counted as it was or as it is.
   *
   * @param now ms since the epoch
   */
  countDestinations(now: number, most: number): Promise<Map<string, DestinationCount>>;
  /**
   * Messages with a job that matches, without those that come after this call. In steps, of which each gives what it has
   * found: between two of them the caller lets the event loop turn.
   */
  select(filter: JobFilter): IterableIterator<MessageHandle[]>;
  /**
   * Called with every message that comes into this process's charge from now on: accepted, enqueued, adopted; and again
   * with those that were to be given away and stay. What was recovered when the queue was opened is in `entries()`.
   */
  onArrival(listener: (entry: QueueEntry) => void): void;
  /** A lane has been let go elsewhere: claims it where it is meant for us or for anybody, after a jittered moment. */
  noticed(release: LaneRelease): void;
  /** Called with each lane that was let go, when others may claim it. */
  onReleased(listener: (release: LaneRelease) => void): void;
  /** Adds up all jobs: not for every second. */
  lanes(): LaneSummary[];
  /**
   * Hands a lane over to another worker: new mail goes to a new home, attempts end and are recorded, then it is let go,
   * and told of by `onReleased`. Resolves with whether it was: where drafts or attempts go on for too long, or the lane
   * isn't ours, it stays where it is. Rejects with the disk's error where there can be no new home.
   */
  giveAway(lane: string, to: WorkerId): Promise<boolean>;
  /** Whether no attempt may be begun for this message, as its lane is being given away. */
  yielding(id: QueueId): boolean;
  /** Called when a lane is to be given away: resolves when no attempt for any of its messages is under way. */
  onYield(listener: (lane: string) => Promise<void>): void;
  /** This process is going to stop: lanes without an owner are left to those who can work on them. */
  adoptNoMore(): void;
  /** Syncs, writes the release marker of each lane, closes. */
  release(): Promise<void>;
}
