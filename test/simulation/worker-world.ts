/** What the workers of a schedule have around them. */
import type { LaneRelease } from '../../mta/queue/types.ts';
import type { Dice } from './dice.ts';
import type { Ledger } from './ledger.ts';
import type { Process } from './machine.ts';
import type { NextHops } from './next-hop.ts';
import type { DiskWorld } from './process-disk.ts';
import type { State } from './states.ts';
import type { Worker } from './worker.ts';

/** What the workers of a schedule share. */
export interface WorkerWorld extends DiskWorld {
  readonly dice: Dice;
  readonly ledger: Ledger;
  readonly hops: NextHops;
  readonly workers: readonly Worker[];
  readonly now: number;
  /** Something broke an invariant, or was never to happen. */
  violated(error: unknown): void;
  trace(line: () => string): void;
  /** A worker tells the others that it has let a lane go; the notice may get lost. */
  released(release: LaneRelease, by: Worker): void;
  /** A delivery is in a state in which a fault may strike. */
  delivering(process: Process, state: State): void;
}
