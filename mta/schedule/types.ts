/** What the scheduler is given, and what an attempt tells it. */
import type { Clock } from '../clock.ts';
import type { Delivery } from '../config.ts';
import type { Queue, StoredReply } from '../queue/types.ts';
import type { Random } from '../random.ts';
import type { DestinationKey } from '../route/types.ts';
import type { Work } from './destination.ts';

/** What an attempt says about the destination, besides what it settled in the queue. */
export interface AttemptReport {
  /** `answered`: a host spoke to us; `unreachable`: none did; `untried`: the destination wasn't asked. */
  readonly destination: 'answered' | 'unreachable' | 'untried';
  readonly reply?: StoredReply;
  /** Resolves when the settlement is on stable storage; never rejects. */
  readonly stored: Promise<void>;
}

export interface SchedulerOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly random: Random;
  readonly attempt: (work: Work) => Promise<AttemptReport>;
  /**
   * Ends what has been waiting for a destination that is down for longer than it may, and warns of delays.
   */
  readonly lapse: (work: Work, reply: StoredReply) => Promise<AttemptReport>;
  readonly delivery: () => Delivery;
  /** Attempts at once to one destination, of this process. */
  readonly perDestination: (key: DestinationKey) => number;
  readonly onDefect: (error: unknown) => void;
}
