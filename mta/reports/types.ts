/** What a report is made from, and what it is. */
import type { Envelope } from '../envelope.ts';
import type { QueueId, StoredReply } from '../queue/types.ts';
import type { Random } from '../random.ts';

/**
 * RFC 3464 §2.3.3. `relayed`: to a next hop that can't tell what becomes of it. There is no `expanded`, as nothing here makes several
 * addresses of one.
 */
export type Action = 'failed' | 'delayed' | 'delivered' | 'relayed';

/** One recipient that the sender is to hear of. */
export interface ReportedRecipient {
  /** Index into `envelope.recipients`. */
  readonly recipient: number;
  readonly action: Action;
  /** The last reply: a next hop's where `remote` is set, else ours. */
  readonly reply: StoredReply;
  /** Ms since the epoch; absent where nothing was tried. */
  readonly lastAttemptAt?: number;
}

/** The head of the original's content: all of it, or as much as a report may hold. */
export interface Original {
  readonly bytes: Buffer;
  /** Whether `bytes` is the whole content. */
  readonly complete: boolean;
}

export interface ReportInput {
  readonly id: QueueId;
  readonly envelope: Envelope;
  readonly original: Original;
  /** One at least. */
  readonly recipients: readonly ReportedRecipient[];
  /** When those that are delayed will have been given up; ms since the epoch. */
  readonly retryUntil: number;
  /** Who reports: HELO name of the fleet. */
  readonly hostname: string;
  /** Mailbox that answers questions. RFC 3461 §6.2 */
  readonly postmaster: string;
  /** Ms since the epoch. */
  readonly now: number;
  readonly random: Random;
}

/** A `NewMessage` without its jobs, which follow from its recipient. */
export interface Report {
  readonly envelope: Envelope;
  readonly content: Buffer;
}
