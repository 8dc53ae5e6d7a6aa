/** What the HTTP ports ask of the process behind them: the supervisor answers for all of its workers. */
import type { MemberView } from '../fleet/types.ts';
import type { HistoryQuery, HistoryRecord } from '../log/types.ts';
import type { QueueId } from '../queue/types.ts';
import type { TlsReports } from '../tls-rpt/receive/view.ts';
import type { DrainControl } from './drain-types.ts';

/** Counts alone: what it costs doesn't grow with the queue. */
export interface QueueTotals {
  readonly messages: number;
  readonly bytes: number;
  readonly oldestSeconds: number | undefined;
  /** When the oldest arrived, ISO 8601: it stays the same while the message does. */
  readonly oldestAt?: string;
  readonly lanes: number;
  readonly damaged: number;
  readonly full: boolean;
  /** Recipients by state. */
  readonly recipients: {
    readonly due: number;
    readonly active: number;
    readonly deferred: number;
    readonly held: number;
  };
}

export interface QueueSummary extends QueueTotals {
  /** By destination key, largest first, at most 1,000. */
  readonly destinations: readonly DestinationSummary[];
}

export interface DestinationSummary {
  readonly destination: string;
  readonly messages: number;
  readonly active: number;
  readonly deferred: number;
  /** ISO 8601 until which a destination that is down is left alone. */
  readonly backOffUntil?: string;
  readonly lastReply?: string;
}

export interface MessageFilter {
  readonly destination?: string;
  readonly from?: string;
  readonly to?: string;
  readonly held?: boolean;
  readonly limit: number;
}

export interface MessageSummary {
  readonly id: QueueId;
  readonly from: string;
  readonly size: number;
  readonly arrivedAt: string;
  readonly user?: string;
  readonly recipients: readonly {
    readonly address: string;
    readonly state: 'due' | 'active' | 'deferred' | 'held';
    readonly destination: string;
    readonly attempts: number;
    readonly nextAttemptAt?: string;
    readonly lastReply?: string;
  }[];
}

export type QueueAction = 'hold' | 'release' | 'retry' | 'remove';

export interface ConfigStatus {
  /** Lowest revision that the workers have loaded. */
  readonly revision: number;
  /** The config's own, where it has one. */
  readonly id?: string;
  readonly resources: Readonly<Record<string, number>>;
  /** Versions of the document that this program can read. */
  readonly reads: readonly number[];
  /** The last config that was refused, and why; absent when the last one was taken. */
  readonly refused?: { readonly revision: number | undefined; readonly reason: string; readonly at: string };
}

/** How this pod sees its fleet. */
export interface FleetSummary {
  /** Its name; undefined where there is nobody else. */
  readonly member: string | undefined;
  readonly members: readonly MemberView[];
  /** Those that are in use in this pod or wanted: what it wants, what it may be using, and what it may use. */
  readonly budgets: readonly {
    readonly id: string;
    readonly want: number;
    readonly use: number;
    readonly tokens: number;
  }[];
}

export interface ControlBackend {
  readonly drain: DrainControl;
  fleet(): FleetSummary;
  /** True while the event loop of every worker answers. Never touches the volume. */
  live(): boolean;
  /** Empty when ready, else what is missing. */
  notReady(): readonly string[];
  /** Prometheus text of all workers. */
  metrics(): Promise<string>;
  config(): ConfigStatus;
  /** Rejects with `PostriderError` ConfigInvalid; the old config stays. */
  load(document: unknown): Promise<ConfigStatus>;
  queue(): Promise<QueueSummary>;
  /** `isPartial` where a worker has not answered, so that its share is missing. */
  totals(): Promise<QueueTotals & { readonly isPartial: boolean }>;
  /** Of the last `days` days, as the volume has them. Rejects as that does. */
  tlsReports(days: number): Promise<TlsReports>;
  messages(filter: MessageFilter): Promise<readonly MessageSummary[]>;
  message(id: QueueId): Promise<MessageSummary | undefined>;
  /** Raw content, headers first, at most `limit` bytes. */
  content(id: QueueId, limit: number): Promise<Buffer | undefined>;
  /** Number of messages changed. */
  act(action: QueueAction, select: { ids: readonly QueueId[] } | { filter: MessageFilter }): Promise<number>;
  history(query: HistoryQuery): Promise<readonly HistoryRecord[]>;
}
