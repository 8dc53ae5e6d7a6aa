/** A schedule, drawn from its seed into a plan that can be read, and cut down. Times are virtual ms. */
import { Dice } from './dice.ts';
import { FAULTS, type FaultKind, isOperationFault, whyNever } from './faults.ts';
import { sceneOf } from './scenes.ts';
import type { Semantics } from './server.ts';
import { STATES, type State } from './states.ts';

export interface PlannedMessage {
  readonly at: number;
  /** Which of the processes a client turns to. */
  readonly process: number;
  readonly size: number;
  /** False is mail with the null reverse-path. */
  readonly bounces: boolean;
  /** It must be delivered within so many ms, else it goes back, or its sender is told. */
  readonly within?: { readonly ms: number; readonly mode: 'return' | 'notify' };
  readonly priority?: number;
  /** Destination of each recipient. */
  readonly recipients: readonly number[];
}

/** A process of the plan; or, of what a fault sets off: the one that it struck, or one of those that go on. */
export type Who = number | 'struck' | 'other';

/** A process that is paused goes on; one stops as it should: no faults, but they have their moments too. */
export type Event = FaultKind | 'go on' | 'stop';

export interface PlannedFault {
  readonly kind: Event;
  /** Not before. */
  readonly at: number;
  /** Strikes when this state is seen for the `nth` time; at once where undefined. */
  readonly state: State | undefined;
  readonly nth: number;
  /** Which process it is aimed at; anyone's where undefined. */
  readonly process: Who | undefined;
  /** How long it lasts, where it does. */
  readonly lasts: number;
  /** Until a process that is gone starts again. */
  readonly restartAfter: number;
  /** What comes in then at the process that is struck; times are counted from there. */
  readonly mail?: readonly PlannedMessage[];
  /** What it sets off; times are counted from there. */
  readonly setsOff?: readonly PlannedFault[];
}

/** A process stops as it should, and starts again. */
export interface PlannedStop {
  readonly at: number;
  readonly process: number;
  readonly restartAfter: number;
}

export interface Plan {
  readonly seed: number;
  readonly semantics: Semantics;
  /** Chance that a client goes by what it knows. */
  readonly staleness: number;
  /** Sizes of files may be a second old even for who opens them, as GlusterFS has it. */
  readonly oldSizes: boolean;
  readonly earlyFlush: number;
  /** Rate of each node's clocks. */
  readonly nodes: readonly number[];
  /** Node of each process. */
  readonly processes: readonly number[];
  /** What becomes of transactions at each destination: chances. */
  readonly hops: readonly { readonly temporary: number; readonly permanent: number; readonly lost: number }[];
  /** When each destination can't be reached. */
  readonly unreachable: readonly {
    readonly destination: number;
    readonly from: number;
    readonly to: number;
  }[];
  readonly messages: readonly PlannedMessage[];
  readonly faults: readonly PlannedFault[];
  readonly stops: readonly PlannedStop[];
  /** After this everything is healed. */
  readonly duration: number;
}

/** Every (fault, state) that can be: each seed aims at one. */
const CELLS = FAULTS.flatMap((kind) =>
  STATES.filter((state) => whyNever(kind, state) === undefined).map((state) => ({ kind, state })),
);

/** What has to go wrong first for these states to be seen at all. */
const NEEDS: Partial<Record<State, FaultKind>> = {
  claiming: 'kill',
  walking: 'kill',
  replaying: 'kill',
  sealing: 'kill',
  sweeping: 'kill',
  retiring: 'kill',
  'on reserve': 'full volume',
  reserve: 'full volume',
  taking: 'full volume',
};

/** Share of the schedules that play a scene. */
const SCENES = 0.45;

export function planOf(seed: number): Plan {
  const dice = new Dice(seed);
  const plan = drawn(seed, dice);
  return dice.chance(SCENES) ? { ...plan, ...sceneOf(dice) } : plan;
}

function drawn(seed: number, dice: Dice): Plan {
  // Most bugs need two nodes and a few messages: the small ones are three for the price of one.
  const small = dice.chance(0.75);
  const nodes = Array.from(
    { length: small ? 2 : dice.pick([2, 3, 3, 4]) },
    () => 1 + (dice.fraction() - 0.5) * 0.02,
  );
  const processes = nodes.flatMap((_, node) => (!small && dice.chance(0.4) ? [node, node] : [node]));
  const semantics = dice.chance(0.8) ? 'nfs' : 'coherent';
  const duration = small ? dice.between(2500, 5000) : dice.between(4000, 9000);
  const destinations = dice.between(2, 4);
  const aim = CELLS[seed % CELLS.length]!;
  const faults: PlannedFault[] = [];
  const needed = NEEDS[aim.state];
  if (needed) faults.push(timedFault(dice, needed, processes.length, dice.between(200, 1500)));
  faults.push(aimedFault(dice, aim, processes.length, needed !== undefined));
  for (let more = dice.between(0, 3); more > 0; more -= 1) {
    const cell = dice.chance(0.5) ? dice.pick(CELLS) : undefined;
    faults.push(
      cell
        ? aimedFault(dice, cell, processes.length, false)
        : timedFault(dice, dice.pick(FAULTS), processes.length, dice.between(0, duration)),
    );
  }
  if (!faults.some(({ state }) => state === undefined)) {
    faults.push(timedFault(dice, dice.pick(FAULTS), processes.length, dice.between(0, duration / 2)));
  }
  return {
    seed,
    semantics,
    staleness: semantics === 'nfs' ? dice.pick([0, 0.3, 0.9]) : 0,
    oldSizes: semantics === 'nfs' && dice.chance(0.3),
    earlyFlush: dice.pick([0, 0.5, 1]),
    nodes,
    processes,
    hops: Array.from({ length: destinations + 1 }, () => ({
      temporary: dice.pick([0, 0, 0.2, 0.6]),
      permanent: dice.pick([0, 0.1, 0.3]),
      lost: dice.pick([0, 0, 0.1]),
    })),
    unreachable: Array.from({ length: dice.between(0, 2) }, () => {
      const from = dice.between(0, duration);
      return { destination: dice.between(0, destinations - 1), from, to: from + dice.between(300, 4500) };
    }),
    messages: Array.from({ length: small ? dice.between(3, 10) : dice.between(6, 24) }, () =>
      messageOf(dice, processes.length, destinations, duration),
    ),
    faults,
    stops:
      dice.chance(0.3) || aim.state === 'releasing'
        ? [
            {
              at: dice.between(500, duration),
              process: dice.between(0, processes.length - 1),
              restartAfter: dice.between(100, 4500),
            },
          ]
        : [],
    duration,
  };
}

function messageOf(dice: Dice, processes: number, destinations: number, duration: number): PlannedMessage {
  return {
    at: Math.floor(dice.chance(0.7) ? dice.fraction() * 1500 : dice.fraction() * duration),
    process: dice.between(0, processes - 1),
    size: dice.chance(0.25) ? dice.between(520, 3000) : dice.between(40, 500),
    bounces: dice.chance(0.7),
    priority: dice.pick([0, 0, 0, 3, -3]),
    ...(dice.chance(0.15)
      ? { within: { ms: dice.between(300, 8000), mode: dice.pick(['return', 'return', 'notify'] as const) } }
      : {}),
    recipients: Array.from({ length: dice.pick([1, 1, 1, 2, 3]) }, () => dice.between(0, destinations - 1)),
  };
}

const lastingOf = (dice: Dice, kind: FaultKind): number =>
  kind === 'server crash' || kind === 'full volume' ? dice.between(200, 4000) : dice.between(300, 9000);

function timedFault(dice: Dice, kind: FaultKind, processes: number, at: number): PlannedFault {
  return {
    kind,
    at: Math.floor(at),
    state: undefined,
    nth: 1,
    process: dice.between(0, processes - 1),
    lasts: lastingOf(dice, kind),
    restartAfter: dice.between(100, 8000),
  };
}

function aimedFault(
  dice: Dice,
  { kind, state }: { readonly kind: FaultKind; readonly state: State },
  processes: number,
  afterAnother: boolean,
): PlannedFault {
  const often = isOperationFault(kind) || dice.chance(0.5) ? 3 : 12;
  return {
    kind,
    at: 0,
    state,
    nth: dice.between(1, afterAnother ? 2 : often),
    process: afterAnother || dice.chance(0.7) ? undefined : dice.between(0, processes - 1),
    lasts: lastingOf(dice, kind),
    restartAfter: dice.between(100, 8000),
  };
}
