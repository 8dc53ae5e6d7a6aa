/** What a chaos run does to nodes and volume, and when: the record that its verdict is made from. Times: ms since the epoch. */

/** A whole node, one of its workers, or a node that stands still and goes on later. */
export type NodeFaultKind = 'kill' | 'kill worker' | 'stop';
/** The brick killed, or standing still; one node's mount taken away; no room on the volume. */
export type VolumeFaultKind = 'brick killed' | 'brick paused' | 'mount cut' | 'volume full';

export interface NodeFault {
  readonly kind: NodeFaultKind;
  readonly node: string;
  /** Of the one process that was struck, as its container counts; all of the node's where absent. */
  readonly pid?: number;
  readonly at: number;
  /** When one that stood still went on. */
  readonly to?: number;
}

export interface VolumeFault {
  readonly kind: VolumeFaultKind;
  /** Undefined where every node feels it. */
  readonly node?: string;
  readonly from: number;
  /** When the volume answered again. */
  readonly to: number;
}

export type Planned = NodeFaultKind | VolumeFaultKind;

export interface Counts {
  readonly kills: number;
  readonly stops: number;
  readonly outages: number;
  readonly full: number;
}

/** One in so many kills is of a worker alone, which its supervisor has to bring back. */
const WORKER_EVERY = 5;
const OUTAGES = ['brick killed', 'brick paused', 'mount cut'] as const;

/**
 * The faults in the order in which they come: spread evenly, by a shuffle that a seed decides.
 *
 * @param random from 0 to 1
 */
export function plan({ kills, stops, outages, full }: Counts, random: () => number): Planned[] {
  const planned: { readonly kind: Planned; readonly key: number }[] = [];
  const spread = (kinds: readonly Planned[]): void => {
    for (const [i, kind] of kinds.entries()) planned.push({ kind, key: (i + random()) / kinds.length });
  };
  const times = <T>(count: number, kind: (i: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => kind(i));
  spread(times(kills, (i) => (i % WORKER_EVERY === WORKER_EVERY - 1 ? 'kill worker' : 'kill')));
  spread(times(stops, () => 'stop'));
  spread(times(outages, (i) => OUTAGES[i % OUTAGES.length]!));
  spread(times(full, () => 'volume full'));
  return planned.sort((a, b) => a.key - b.key).map(({ kind }) => kind);
}

/** Numbers from 0 to 1 that follow from a seed alone (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
