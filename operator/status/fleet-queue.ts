/**
 * The queue of a whole fleet, as its status shows it. With mail flowing the figures are other ones at each look, and a status that is
 * written at each look is a load for the API server and for everybody who watches. So what is shown follows what is seen
 * by the rules of docs/decisions/0120-figures-of-the-queue.md. Pure.
 */

/** What one pod says of its part. */
export interface PodQueue {
  readonly messages: number;
  /** ISO 8601. */
  readonly oldestAt?: string;
  /** Damaged records, groups and bodies that it has found. */
  readonly damaged: number;
  /** New mail is refused for want of space. */
  readonly full: boolean;
  /** Recipients. */
  readonly recipients: { readonly deferred: number; readonly held: number };
}

export interface FleetQueue {
  readonly messages: number;
  readonly deferred: number;
  readonly held: number;
  /** Ms since the epoch; undefined where no message has waited for a minute. */
  readonly oldest: number | undefined;
  readonly damaged: number;
  /** Pods that refuse new mail for want of space. */
  readonly full: readonly string[];
  /** Pods that don't say what they have. */
  readonly silent: readonly string[];
}

export interface Shown {
  readonly queue: FleetQueue;
  /** When it was last made another, monotonic ms. */
  readonly at: number;
}

/** What has waited for less is on its way, and no backlog. */
const ON_ITS_WAY_MS = 60_000;
/** Least time between two changes of what is shown. */
const PAUSE_MS = 30_000;
/** Most that a small difference waits. */
const PATIENCE_MS = 300_000;

/**
 * @param pods by name
 * @param now ms since the epoch
 */
export function queueOf(
  pods: ReadonlyMap<string, PodQueue>,
  silent: readonly string[],
  now: number,
): FleetQueue {
  const all = [...pods.values()];
  const sum = (of: (pod: PodQueue) => number) => all.reduce((total, pod) => total + of(pod), 0);
  const arrivals = all.flatMap(({ oldestAt }) => (oldestAt === undefined ? [] : [Date.parse(oldestAt)]));
  const oldest = Math.min(...arrivals);
  return {
    messages: sum(({ messages }) => messages),
    deferred: sum(({ recipients }) => recipients.deferred),
    held: sum(({ recipients }) => recipients.held),
    oldest: oldest <= now - ON_ITS_WAY_MS ? oldest : undefined,
    damaged: sum(({ damaged }) => damaged),
    full: [...pods].filter(([, { full }]) => full).map(([name]) => name),
    silent,
  };
}

/**
 * What is to be shown now; the same object as before where that stays.
 *
 * @param now ms since the epoch, and monotonic ms
 */
export function shownNext(
  before: Shown | undefined,
  seen: FleetQueue,
  now: { readonly wall: number; readonly monotonic: number },
): Shown {
  const next = { queue: seen, at: now.monotonic };
  if (before === undefined) return next;
  const { queue, at } = before;
  if (isSame(queue, seen)) return before;
  const isWorse = seen.damaged > queue.damaged || seen.full.length > queue.full.length;
  const pause = isNear(queue, seen, now.wall) ? PATIENCE_MS : PAUSE_MS;
  return isWorse || now.monotonic - at >= pause ? next : before;
}

const sameNames = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name) => other.includes(name));

const sameState = (one: FleetQueue, other: FleetQueue): boolean =>
  one.damaged === other.damaged && sameNames(one.full, other.full) && sameNames(one.silent, other.silent);

const isSame = (one: FleetQueue, other: FleetQueue): boolean =>
  sameState(one, other) &&
  (['messages', 'deferred', 'held', 'oldest'] as const).every((figure) => one[figure] === other[figure]);

/** Nobody would do anything else for the difference. */
function isNear(one: FleetQueue, other: FleetQueue, now: number): boolean {
  const age = ({ oldest = now }: FleetQueue) => now - oldest;
  return (
    sameState(one, other) &&
    (['messages', 'deferred', 'held'] as const).every((figure) => isClose(one[figure], other[figure])) &&
    Math.abs(age(one) - age(other)) <= ON_ITS_WAY_MS
  );
}

/** By ten, or by a tenth. */
const isClose = (one: number, other: number): boolean =>
  Math.abs(one - other) <= Math.max(10, Math.max(one, other) / 10);
