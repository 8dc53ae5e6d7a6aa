/** What a drain tells of itself: the answer of `GET /v1/drain`. */
import type { QueueConfig } from '../config.ts';
import type { Proof } from '../queue/proof/proof.ts';
import type { Leftover } from '../queue/proof/verdict.ts';
import type { PinnedBatch } from '../queue/transfer/hand-over.ts';

export interface Amount {
  readonly messages: number;
  readonly bytes: number;
}

export interface DrainProblem {
  /** Whom it is about: a member of the fleet, a message, or this pod. */
  readonly subject: string;
  readonly reason: string;
  /** What a person can do. */
  readonly advice: string;
}

/** What a drain is to prove: that the volume holds no mail, or that no lane of this pod's in the shared folder waits for anybody. */
export type Claim = Proof['claim'];

interface Begun {
  readonly mode: QueueConfig['mode'];
  readonly claim: Claim;
  /** ISO 8601. */
  readonly since: string;
  /** Given to other members since then. */
  readonly moved: Amount;
}

export interface Draining extends Begun {
  readonly state: 'draining';
  /** What is still in this pod's lanes; those of pinned batches are among it. */
  readonly messages: number;
  readonly bytes: number;
  readonly lanes: readonly { readonly id: string; readonly messages: number; readonly bytes: number }[];
  /** Of about the last thirty seconds. */
  readonly movedPerSecond: Amount;
  /** Batches whose receiver has not answered: nobody else gets them. */
  readonly pinned: readonly PinnedBatch[];
  /** Batches of members that have sent here and have not said that this is over. */
  readonly owed: readonly { readonly member: string; readonly lane: string; readonly batch: string }[];
  readonly problems: readonly DrainProblem[];
  /** What is left on the volume when the workers hold nothing any more, at most 100 of it. */
  readonly left: readonly Leftover[];
}

export interface Drained extends Begun {
  readonly state: 'drained';
  readonly proof: Proof;
}

export type DrainStatus = { readonly state: 'notDraining' } | Draining | Drained;

export interface GivenUp {
  readonly member: string;
  /** Messages that were pinned to it, and are free again. */
  readonly freed: number;
  /** What it may cost. */
  readonly price: string;
}

/** `mta/supervise/drain.ts` does it. */
export interface DrainControl {
  /**
   * Begins, or goes on with what was begun. `empty` is the only claim with a volume of one's own; in a shared folder it is for a
   * fleet that ends: its pods take nothing, and keep their lanes until all has been delivered. Rejects with `UsageError` where
   * another kind was begun, `QueueUnreachable` where the volume can't take note of it.
   *
   * @param claim by the storage mode, where absent: `empty` for PerReplica, `released` for Shared
   */
  start(claim?: Claim): Promise<DrainStatus>;
  status(): Promise<DrainStatus>;
  cancel(): Promise<DrainStatus>;
  /** Rejects with `UsageError`, `NoSuchResource` or `MemberLive`. */
  giveUp(member: string): Promise<GivenUp>;
}
