/** The mail log: one line per accept, refusal, attempt, end and move. Field names are documented in `docs/mail-log.md`. */
import type { Envelope } from '../envelope.ts';
import type { SmtpError } from '../errors.ts';
import type { Job, Outcome, QueueId, StoredReply } from '../queue/types.ts';

export interface MailLog {
  /** After the commit, before the 250. */
  accepted(event: { id: QueueId; envelope: Envelope; size: number; messageId?: string }): void;
  /** A session's MAIL, RCPT, DATA or AUTH that was answered 4xx or 5xx, and a handshake (TLS) that failed. */
  refused(event: {
    command: string;
    error: SmtpError;
    listener: string;
    clientAddress: string | undefined;
    /** Address of the peer that told that of the client. */
    via?: string;
    from?: string;
    to?: string;
    user?: string;
    /** Of the certificate that the client has shown: its name. */
    certificate?: string;
  }): void;
  /** One recipient of one attempt, whatever came of it. */
  attempted(event: AttemptEvent): void;
  /** A recipient has reached its end: kept in the history. */
  ended(event: EndEvent): void;
  /** A message has come from another pod's queue; each of its recipients is kept in the history. */
  taken(event: {
    id: QueueId;
    /** The pod that had it. */
    member: string;
    envelope: Envelope;
    jobs: readonly Job[];
    size: number;
  }): void;
  /** Flushes; the history is closed, the destination stays its owner's. */
  close(): Promise<void>;
}

export interface AttemptEvent {
  readonly id: QueueId;
  readonly from: string;
  readonly to: string;
  readonly destination: string;
  /** `mx.example.org[192.0.2.1]:25`; absent where no host was reached. */
  readonly nextHop?: string;
  readonly reply: StoredReply;
  /** Ms since the message arrived. */
  readonly delay: number;
  readonly attempts: number;
  readonly tls?: string;
  readonly user?: string;
  /** As which it was accepted, where another pod did that. */
  readonly firstId?: QueueId;
  /** Ms since the epoch of the next attempt, for a deferral. */
  readonly nextAttemptAt?: number;
}

export interface EndEvent extends AttemptEvent {
  readonly outcome: Outcome;
  /** The pod that has it now, of a recipient that moved. */
  readonly member?: string;
  /** The message's id there. */
  readonly movedAs?: QueueId;
}

/** A record of the history: what happened to a recipient that has ended here, or has come from another pod. */
export interface HistoryRecord {
  readonly time: string;
  readonly id: QueueId;
  readonly from: string;
  readonly to: string;
  readonly outcome: Outcome | 'taken';
  readonly nextHop?: string;
  readonly reply: string;
  readonly delayMs: number;
  readonly attempts: number;
  /** The other pod: that has it now, or had it before. */
  readonly member?: string;
  /** The message's id there, of one that moved. */
  readonly movedAs?: QueueId;
  /** As which the message was accepted, where another pod did that. */
  readonly firstId?: QueueId;
}

export interface HistoryQuery {
  /** Of the message, here or where it was accepted. */
  readonly id?: string;
  /** Exact addresses, compared without regard to case. */
  readonly from?: string;
  readonly to?: string;
  /** ISO 8601. */
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}
