/** What scenes are made of. */
import type { Dice } from './dice.ts';
import type { Event, Plan, PlannedFault, PlannedMessage } from './plan.ts';
import type { State } from './states.ts';

/** What a scene says of its schedule; the rest is as in any other. */
export type Scene = Pick<
  Plan,
  'nodes' | 'processes' | 'staleness' | 'hops' | 'unreachable' | 'messages' | 'faults' | 'stops' | 'duration'
> &
  Partial<Pick<Plan, 'oldSizes'>>;

/** Longer than any schedule: until something else makes it go on. */
export const FOR_GOOD = 100_000;
/** Destination 0 takes what it gets; 1 can't be reached while a scene needs mail to stay; 2 often says: later. */
const HOPS: Plan['hops'] = [
  { temporary: 0, permanent: 0.2, lost: 0 },
  { temporary: 0.2, permanent: 0.3, lost: 0 },
  { temporary: 0.6, permanent: 0.1, lost: 0.1 },
  { temporary: 0, permanent: 0, lost: 0 },
];

export function fleet(
  dice: Dice,
  processes: readonly number[],
): Pick<Plan, 'nodes' | 'processes' | 'staleness' | 'hops' | 'stops'> {
  return {
    nodes: Array.from({ length: Math.max(...processes) + 1 }, () => 1 + (dice.fraction() - 0.5) * 0.02),
    processes,
    staleness: dice.pick([0, 0.3, 0.9]),
    hops: HOPS,
    stops: [],
  };
}

export function fault(kind: Event, parts: Partial<PlannedFault>): PlannedFault {
  return { kind, at: 0, state: undefined, nth: 1, process: undefined, lasts: 0, restartAfter: 0, ...parts };
}

/** In one of these states, or at a time by which there is mail. */
export function moment(dice: Dice, states: readonly State[], often: number): Partial<PlannedFault> {
  return dice.chance(0.3)
    ? { at: dice.between(500, 1500) }
    : { state: dice.pick(states), nth: dice.between(2, often) };
}

export function letters(
  dice: Dice,
  process: number,
  count: number,
  within: number,
  destinations: readonly number[] = [0, 0, 1, 1, 2],
): PlannedMessage[] {
  return Array.from({ length: count }, () => ({
    at: dice.between(0, within),
    process,
    size: dice.chance(0.2) ? dice.between(520, 1500) : dice.between(40, 500),
    bounces: dice.chance(0.8),
    recipients: Array.from({ length: dice.pick([1, 2, 2, 3]) }, () => dice.pick(destinations)),
  }));
}
