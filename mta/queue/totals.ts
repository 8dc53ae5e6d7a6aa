/** What the lanes of a process hold together: counted in their columns, without looking at single messages. */
import { handleOf } from './handles.ts';
import type { Lane } from './lane.ts';
import type {
  DestinationCount,
  JobFilter,
  LaneSummary,
  MessageHandle,
  QueueCounts,
  RecipientCounts,
} from './types.ts';

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

/** @param now ms since the epoch */
export function destinationsOf(lanes: Iterable<Lane>, now: number): Map<string, DestinationCount> {
  const counts = new Map<string, DestinationCount>();
  for (const { index } of lanes) index.countDestinations(now, counts);
  return counts;
}

/** @param now ms since the epoch */
export function summaryOf(lane: Lane, now: number, home: boolean): LaneSummary {
  const { due } = recipientsOf([lane], now);
  return { id: lane.id, messages: lane.index.size, bytes: lane.index.bytes, due, home };
}

export function selectFrom(lanes: Iterable<Lane>, { destination, held }: JobFilter): MessageHandle[] {
  const found: MessageHandle[] = [];
  for (const { index, number } of lanes) {
    for (const sequence of index.select(destination, held)) found.push(handleOf(number, sequence));
  }
  return found;
}
