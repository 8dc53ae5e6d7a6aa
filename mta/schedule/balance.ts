/** Who gives work to whom: one offer at a time, and none that would have to be taken back. Pure. */
import type { LaneSummary, WorkerId } from '../queue/types.ts';

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

/** A backlog below this is gone before another could have read it. */
const LONG = 1000;
/** Who takes work has at most this share of the giver's backlog, and of its own room for attempts in use. */
const IDLE_BACKLOG = 1 / 8;
const IDLE_ACTIVE = 1 / 2;
/** Recipients that make a lane worth moving, and what share of its messages they must be, as all of it has to be read. */
const WORTHWHILE = 200;
const WORTHWHILE_SHARE = 1 / 4;
/** An adopted lane that is more of the difference than this would merely move the problem, and come back. */
const MOST_OF_DIFFERENCE = 3 / 4;

/**
 * The worker with the longest backlog and the idlest, where they are far apart. The same for everybody who has heard the
 * same loads.
 *
 * @param rests whether a worker has lately taken part in a move
 */
export function pairToBalance(
  loads: readonly WorkerLoad[],
  rests: (worker: WorkerId) => boolean,
): { readonly from: WorkerLoad; readonly to: WorkerLoad } | undefined {
  const ranked = loads
    .filter(({ worker }) => !rests(worker))
    .sort((a, b) => b.ready - a.ready || b.active - a.active || (a.worker < b.worker ? -1 : 1));
  const from = ranked[0];
  const to = ranked.at(-1);
  if (!from || !to || from === to || from.ready < LONG) return undefined;
  const isIdle = to.ready <= from.ready * IDLE_BACKLOG && to.active <= to.capacity * IDLE_ACTIVE;
  return isIdle ? { from, to } : undefined;
}

/**
 * Which lane to give: the adopted one with the most work that evens the two out, else the home with whatever it holds, as
 * the giver goes on to accept mail. What was given whole is an adopted lane from then on, and stays.
 *
 * @param difference in jobs that are ready, of the giver and the taker
 */
export function laneToGive(lanes: readonly LaneSummary[], difference: number): string | undefined {
  const worthwhile = lanes.filter(
    ({ due, messages }) => due >= WORTHWHILE && due >= messages * WORTHWHILE_SHARE,
  );
  const adopted = worthwhile
    .filter(({ home, due }) => !home && due <= difference * MOST_OF_DIFFERENCE)
    .sort((a, b) => b.due - a.due)[0];
  return (adopted ?? worthwhile.find(({ home }) => home))?.id;
}
