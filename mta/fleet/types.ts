/**
 * What the rest of the mta knows of the fleet channel: who the other members are, and how to ask them. It lives in the
 * supervisor process of each pod. Nothing that it carries is needed for being right: without it a pod is careful.
 */
import type { Readable } from 'node:stream';
import type { Opened, Sent } from '../queue/transfer/peer.ts';

/** Name of one member of the fleet, the pod's: one DNS label in lower case. Its certificate bears it. */
export type MemberName = string;

/** Another member, as it is seen from here. */
export interface MemberView {
  readonly name: MemberName;
  readonly address: string;
  readonly port: number;
  /** Heard within a term, in either direction. */
  readonly live: boolean;
  /** Undefined where it was never heard. */
  readonly heardSecondsAgo: number | undefined;
  /** Version of the channel that it speaks; undefined where it was never heard. */
  readonly version: number | undefined;
}

/** One call of another member. */
export interface FleetRequest {
  /** Who asks, by its certificate. */
  readonly from: MemberName;
  readonly query: Readonly<Record<string, string>>;
  /** The body as it comes; whoever doesn't read it to its end must destroy it. */
  readonly body: Readable;
  /** The whole body as JSON, not yet checked. Rejects with `UsageError` where it isn't JSON, or is larger. */
  json(largestBytes?: number): Promise<unknown>;
}

/**
 * Resolves with what is answered: a `Readable` or a `Buffer` goes out as it is, anything else as JSON. A
 * `PostriderError` that it rejects with reaches the caller as what it is; any other error as `InternalError`.
 */
export type FleetHandler = (request: FleetRequest) => Promise<unknown>;

export interface FleetAnswer {
  /** The body as it comes; whoever doesn't read it to its end must destroy it. */
  readonly body: Readable;
  json(largestBytes?: number): Promise<unknown>;
}

export interface FleetCallOptions {
  readonly query?: Readonly<Record<string, string>>;
  /** Longest wait for the answer to begin, and between two pieces of either body. 10 s where absent. */
  readonly idleMs?: number;
  readonly signal?: AbortSignal;
}

/** The channel to the other members. */
export interface FleetChannel {
  readonly self: MemberName;
  /** The others; never `self`. */
  members(): readonly MemberView[];
  /** Called when a member comes, goes, or is heard again. */
  onMembers(listener: () => void): void;
  /**
   * Answers POST requests for `path` (`/transfer/open`). Throws where another
   * handler has the path already.
   */
  route(path: string, handler: FleetHandler): void;
  /**
   * Asks a member. A `Readable` or a `Buffer` is sent as it is, anything else as JSON. Rejects with `PostriderError`:
   * `MemberUnreachable` where no answer came (it may or may not have been done), else what the handler rejected with.
   */
  request(member: MemberName, path: string, body: unknown, options?: FleetCallOptions): Promise<FleetAnswer>;
}

/** How a worker asks other members, which its supervisor reaches. */
export type MemberCalls = {
  /** Those that live. */
  members(): Promise<readonly MemberName[]>;
  /** What a member answers, as JSON. Rejects as `FleetChannel.request` does. */
  ask(
    member: MemberName,
    path: string,
    query: Readonly<Record<string, string>>,
    body: Uint8Array,
  ): Promise<unknown>;
};

/** What a worker does for a member that hands messages over. `LaneLost`: the lane isn't in that worker. */
export type ReceivingWorker = {
  /** The lane that takes messages; undefined where there is no room, or the worker is leaving. */
  receivingLane(): Promise<string | undefined>;
  /** Whether the lane is on the volume, whoever owns it. Rejects where that can't be told. */
  laneOnVolume(lane: string): Promise<boolean>;
  /** As `Receptions.open`. @param from the member that asks, by its certificate */
  openReception(lane: string, batch: string, from: MemberName): Promise<Opened>;
  /** The next bytes of the frames; resolves when more may come. */
  receive(batch: string, session: string, piece: Uint8Array): Promise<void>;
  finishReception(batch: string, session: string): Promise<Sent>;
  closeReception(lane: string, batch: string, session: string): Promise<void>;
};
