/**
 * A way out is a transaction: begin, recipient, body, commit or abort. Every method that fails rejects with an
 * `SmtpError`, which says whether trying later can help and who is to blame.
 */
import type { Envelope, Recipient } from '../envelope.ts';
import type { MessageContent, QueueId, StoredReply } from '../queue/types.ts';
import type { DestinationKey, NextHop } from '../route/types.ts';

/** What became of one recipient. */
export interface RecipientResult {
  /** Index into `envelope.recipients`. */
  readonly recipient: number;
  /** The next hop's reply: 2xx means that it took responsibility. */
  readonly reply: StoredReply;
}

/** What a next hop that takes requests is told of the message besides, so that it knows one that it has had already. */
export interface Attempt {
  /** The message's, as its Received field has it: the same with each attempt, whichever pod makes it. */
  readonly id: QueueId;
  /** Counted from 1. */
  readonly number: number;
}

export interface Transaction {
  /** MAIL. An error here is for every recipient. */
  begin(envelope: Envelope, attempt: Attempt): void;
  /** RCPT, with its index into `envelope.recipients`. */
  recipient(recipient: Recipient, index: number): void;
  /** DATA; `ownershipCheck` is asked before MAIL and before the final dot: where it is false the connection is cut. */
  body(content: MessageContent, ownershipCheck: () => boolean): void;
  /**
   * Runs the dialogue and resolves with one result per recipient, refused ones among them. Rejects when there was no
   * answer for any of them; the error is `uncertain` where the final dot was sent: the next hop may have the message.
   */
  commit(): Promise<readonly RecipientResult[]>;
  abort(): void;
}

/** A connection to a next hop, greeted, in TLS and authenticated as its policy wants. */
export interface Session {
  readonly hop: NextHop;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`, or undefined in clear text. */
  readonly tls: string | undefined;
  /** It knows RFC 3461: the sender hears from there what becomes of a recipient that it has taken. */
  readonly notifies: boolean;
  /** It knows RFC 8689, and the connection is in TLS: what nobody may read goes on so. */
  readonly requiresTls: boolean;
  /** It knows RFC 2852: a time to deliver by goes on with the message. */
  readonly deliversBy: boolean;
  /** Transactions made on it before: a connection that was idle may be lost without anybody's fault. */
  readonly used: number;
  /** Positions of those addresses that the next transaction may have (RFC 9422); none where it may have none of them. */
  batch(addresses: readonly string[]): readonly number[];
  transaction(): Transaction;
  /** Whether another transaction may be started on it. */
  readonly reusable: boolean;
  close(): void;
}

/** A session as the pool has it. */
export interface PooledSession extends Session {
  /** Resolves when the connection is closed on both sides, or given up. */
  readonly closed: Promise<void>;
  /** The pool hands it out once more: what ran until now was before. */
  lend(): void;
  /** Calls back once when the connection ends by itself. */
  onEnd(callback: (() => void) | undefined): void;
}

/** Opens sessions and keeps idle ones for the next message to the same hop. */
export interface Sessions {
  /** Connections at this moment, idle ones among them. */
  readonly open: number;
  /**
   * Where the destination has all the connections that it may have, one of them that is idle is closed first, and
   * waited for. Rejects with an `SmtpError` whose blame is the next hop's; the caller tries the next address.
   */
  acquire(hop: NextHop, destination?: DestinationKey): Promise<Session>;
  /** Connections that serve this destination, or served it last, until they are closed on both sides. */
  openTo(destination: DestinationKey): number;
  /** Closes idle ones of them until no more than `most` stay open, as far as there are idle ones. */
  trim(destination: DestinationKey, most: number): void;
  /** Gives a session back after its transaction: kept if reusable, closed if not. What was given back is left as it is. */
  release(session: Session): void;
  /** Closes what is idle, refuses new ones, resolves when the last one in use has been released. */
  drain(): Promise<void>;
}
