/** What the supervisor asks of a worker, and what a worker tells without being asked. */
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { MtaConfig } from '../config.ts';
import type { WorkerSummary, WorkerTotals } from '../control/operations.ts';
import type { MessageFilter, MessageSummary, QueueAction } from '../control/types.ts';
import type { Grant, WorkerNeed } from '../fleet/fair-split.ts';
import type { MemberCalls, ReceivingWorker } from '../fleet/types.ts';
import type { HolderCalls } from '../pick-up/pick-up.ts';
import type { PlaceCalls } from '../pick-up/places.ts';
import type { HandOverStatus } from '../queue/transfer/hand-over.ts';
import type { LaneRelease, LaneSummary, QueueId, WorkerId } from '../queue/types.ts';
import type { WorkerLoad } from '../schedule/balance.ts';
import type { DestinationNews } from '../schedule/types.ts';
import type { CountsTaker } from '../tls-rpt/pool-calls.ts';

/** A worker's place among the workers of its pod: limits per process are shares of the fleet's. */
export interface Place {
  readonly index: number;
  readonly workers: number;
  /** Name of the pod among the members of its fleet. */
  readonly member: string;
  /** What all workers of the pod make the keys of TLS tickets from, so that each resumes sessions of the others. */
  readonly ticketSecret: Uint8Array;
}

export type WorkerCalls = ReceivingWorker &
  HolderCalls &
  CountsTaker & {
    /** Opens the queue, binds the ports, starts to deliver. Rejects with what a person can mend. */
    start(config: MtaConfig, place: Place): Promise<void>;
    /** Takes a new config without dropping a session; where it rejects, the old one goes on. */
    load(config: MtaConfig, place: Place): Promise<void>;
    /** Answers at once: how the supervisor knows that the event loop turns. */
    ping(): Promise<void>;
    metrics(): Promise<MetricObjectWithValues<MetricValue<string>>[]>;
    queue(): Promise<WorkerSummary>;
    totals(): Promise<WorkerTotals>;
    messages(filter: MessageFilter): Promise<MessageSummary[]>;
    message(id: QueueId): Promise<MessageSummary | undefined>;
    content(id: QueueId, limit: number): Promise<Uint8Array | undefined>;
    act(action: QueueAction, select: readonly QueueId[] | MessageFilter): Promise<number>;
    /** A lane has been let go elsewhere. */
    noticed(release: LaneRelease): Promise<void>;
    workload(): Promise<WorkerLoad>;
    lanes(): Promise<LaneSummary[]>;
    /** As `Queue.giveAway`. */
    giveAway(lane: string, to: WorkerId): Promise<boolean>;
    /** What it may use of budgets from now on. */
    grant(grants: readonly Grant[]): Promise<void>;
    /** Another process has learnt something of a destination. */
    heard(news: DestinationNews): Promise<void>;
    /**
     * Takes nothing new from now on, for as long as this process lives: listeners stop, sessions under way end, deliveries
     * go on. `PerReplica`: gives all messages to other members, and removes each lane when it is empty. `Shared`: adopts
     * nothing more, and releases its lanes when deliveries have ended or `drainSeconds` are over; with `keepLanes` it goes on
     * with them, and with those of the dead, and removes each when it is empty. Resolves when nothing new can begin; `handOver` and `queue` say how far the rest has come.
     */
    leave(keepLanes: boolean): Promise<void>;
    /** Undefined in mode `Shared`, where nothing has to move. */
    handOver(): Promise<HandOverStatus | undefined>;
    /** As `HandOver.giveUp`: a person says that the member is gone for good. Resolves with the messages that are free. */
    giveUp(member: string): Promise<number>;
    /** Accepts nothing more, finishes what is in flight within `seconds`, releases the lanes. */
    drain(seconds: number): Promise<void>;
  };

/** What a worker tells its supervisor. */
export type SupervisorCalls = MemberCalls &
  Pick<PlaceCalls, 'pickUp'> & {
    /** It has let a lane go: others may claim it. */
    released(release: LaneRelease): Promise<void>;
    /** What it wants and uses of budgets. */
    needs(needs: readonly WorkerNeed[]): Promise<void>;
    /** It has learnt something of a destination. */
    learnt(news: DestinationNews): Promise<void>;
  };
