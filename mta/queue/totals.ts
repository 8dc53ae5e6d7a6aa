/**
 * What the lanes of a process hold together: counted in their columns, without looking at single messages. What takes
 * long with a million is done in steps.
 */
import { type Clock, turn } from '../clock.ts';
import { handleOf } from './handles.ts';
import type { DestinationTally } from './job-table.ts';
import type { Lane } from './lane.ts';
import type {
  DestinationCount,
  JobFilter,
  LaneSummary,
  MessageHandle,
  QueueCounts,
  RecipientCounts,
} from './types.ts';

/** Destinations looked at in one turn of the event loop. */
const PORTION = 10_000;

export function countsOf(lanes: readonly Lane[], full: boolean): QueueCounts {
  const sum = (of: (lane: Lane) => number): number => lanes.reduce((total, lane) => total + of(lane), 0);
  const messages = sum(({ index }) => index.size);
  return {
    messages,
    bytes: sum(({ index }) => index.bytes),
    oldest: messages > 0 ? Math.min(...lanes.map(({ index }) => index.oldest)) : undefined,
    lanes: lanes.length,
    damaged: sum(({ damaged }) => damaged),
    full,
  };
}

/** @param now ms since the epoch */
export function recipientsOf(lanes: Iterable<Lane>, now: number): RecipientCounts {
  const counts = { due: 0, deferred: 0, held: 0 };
  for (const { index } of lanes) index.countRecipients(now, counts);
  return counts;
}

/** As `Queue.countDestinations`. */
export async function destinationsOf(
  lanes: readonly Lane[],
  now: number,
  most: number,
  clock: Clock,
): Promise<Map<string, DestinationCount>> {
  const sizes = new Map<string, number>();
  let seen = 0;
  for (const { index } of lanes) {
    for (const [destination, jobs] of index.destinations()) {
      sizes.set(destination, (sizes.get(destination) ?? 0) + jobs);
      seen += 1;
      if (seen % PORTION === 0) await turn(clock);
    }
  }
  const found = largest(sizes, most);
  const tallies = new Map(
    found.map(([destination]): [string, DestinationTally] => [destination, { deferred: 0 }]),
  );
  for (const { index } of lanes) {
    for (const _ of index.tally(now, tallies)) await turn(clock);
  }
  return new Map(
    found.map(([destination, jobs]) => {
      const { deferred, lastReply } = tallies.get(destination)!;
      const count = { jobs, deferred: Math.min(deferred, jobs) };
      return [destination, lastReply === undefined ? count : { ...count, lastReply }];
    }),
  );
}

/** Those with the largest sizes, the largest first; fifty thousand may be alike. */
function largest(sizes: ReadonlyMap<string, number>, most: number): [string, number][] {
  const least = Uint32Array.from(sizes.values()).sort().at(-most) ?? 0;
  const larger: [string, number][] = [];
  const alike: [string, number][] = [];
  for (const [destination, size] of sizes) {
    if (size > least) larger.push([destination, size]);
    else if (size === least && alike.length < most) alike.push([destination, size]);
  }
  larger.sort(([, a], [, b]) => b - a);
  return [...larger, ...alike].slice(0, most);
}

/** @param now ms since the epoch */
export function summaryOf(lane: Lane, now: number, home: boolean): LaneSummary {
  const { due } = recipientsOf([lane], now);
  return { id: lane.id, messages: lane.index.size, bytes: lane.index.bytes, due, home };
}

/** As `Queue.select`. */
export function selectFrom(
  lanes: readonly Lane[],
  { destination, held }: JobFilter,
): IterableIterator<MessageHandle[]> {
  // All begin now, whenever they are asked: what comes later is left out.
  const searches = lanes.map(({ index, number }) => ({ number, steps: index.select(destination, held) }));
  return handlesOf(searches);
}

function* handlesOf(
  searches: readonly { readonly number: number; readonly steps: Iterable<number[]> }[],
): IterableIterator<MessageHandle[]> {
  for (const { number, steps } of searches) {
    for (const sequences of steps) yield sequences.map((sequence) => handleOf(number, sequence));
  }
}
