/** What a report is made from, and what it is. */
import type { Envelope } from '../envelope.ts';
import type { QueueId, StoredReply } from '../queue/types.ts';
import type { Random } from '../random.ts';

/** One recipient that the sender is to hear of. */
export interface ReportedRecipient {
  /** Index into `envelope.recipients`. */
  readonly recipient: number;
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
  readonly recipients: readonly ReportedRecipient[];
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
