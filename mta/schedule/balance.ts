/** Who gives work to whom: one offer at a time, and none that would have to be taken back. Pure. */
import type { WorkerId } from '../queue/types.ts';

/** What a worker tells the others of its fleet, every few seconds. */
export interface WorkerLoad {
  readonly worker: WorkerId;
  /** Jobs that are due and wait for their turn; what waits for a destination that is down is not among them. */
  readonly ready: number;
  /** Attempts under way. */
  readonly active: number;
  /** Attempts that it makes at once, at most. */
  readonly capacity: number;
}
