/** Scenes about what a disk keeps, loses and has no room for: what is torn, dropped, sealed, reserved, or left behind. */
import type { Dice } from './dice.ts';
import type { PlannedFault } from './plan.ts';
import { FOR_GOOD, fault, fleet, letters, type Scene } from './scene-parts.ts';
import type { State } from './states.ts';

// Some need more luck than others.
export const DISK_SCENES = [
  crashes,
  tornHeads,
  compaction,
  fullVolume,
  ...[bodies, bodies, bodies],
  ...[unnamedSegment, unnamedSegment],
  lateRelease,
  lateSweep,
];

/** Where a crash may tear what was not synced, or undo what was. */
const COMMIT: readonly State[] = [
  'writing',
  'writing',
  'syncing',
  'syncing',
  'renewing',
  'rolling',
  'rolling',
  'dropping',
  'body',
];
const ADOPTION: readonly State[] = ['sealing', 'sealing', 'replaying', 'sweeping', 'snapshot'];

/** One crash after the other: what each leaves behind is built on by the next owner, and read by the one after. */
function crashes(dice: Dice): Scene {
  return {
    ...fleet(
      dice,
      dice.pick([
        [0, 1],
        [0, 0, 1],
      ]),
    ),
    unreachable: [{ destination: 1, from: 0, to: dice.between(2000, 7000) }],
    messages: letters(dice, 0, dice.between(6, 14), dice.pick([600, 2500])),
    faults: rounds(dice, COMMIT, dice.between(2, 4), 10),
    duration: dice.between(4000, 6500),
  };
}

/** Machines die while they begin a segment. */
function tornHeads(dice: Dice): Scene {
  const round = (left: number): PlannedFault[] => {
    if (left === 0) return [];
    const aim = {
      state: dice.pick(['rolling', 'sealing'] as const),
      nth: dice.between(1, 6),
      process: 0,
    };
    const end = {
      restartAfter: dice.between(20, 200),
      mail: letters(dice, 0, dice.between(1, 3), 300),
      setsOff: round(left - 1),
    };
    if (dice.chance(0.6)) return [fault('node crash', { ...aim, ...end })];
    const crash = fault('node crash', { at: dice.between(0, 4), process: 'struck', ...end });
    return [fault('server crash', { ...aim, lasts: dice.between(1, 20), setsOff: [crash] })];
  };
  return {
    ...fleet(dice, [0, 1]),
    unreachable: [{ destination: 1, from: 0, to: dice.between(2000, 7000) }],
    messages: letters(dice, 0, dice.between(6, 12), 800),
    faults: round(4),
    duration: dice.between(4000, 6000),
  };
}

/** Much comes and goes, and mostly a little stays: segments are moved, dropped, and may be there again after a crash. */
function compaction(dice: Dice): Scene {
  const nothingStays = dice.chance(0.4);
  const many = letters(dice, 0, dice.between(16, 32), 2500, nothingStays ? [0] : [0, 0, 0, 2]);
  return {
    ...fleet(dice, [0, 1]),
    unreachable: [{ destination: 1, from: 0, to: dice.between(1000, 5000) }],
    messages: nothingStays ? many : [...many, ...letters(dice, 0, dice.between(1, 2), 200, [1])],
    faults: nothingStays
      ? [emptySegment(dice)]
      : dice.chance(0.7)
        ? [undoneDrop(dice)]
        : rounds(dice, ['dropping', 'dropping', 'renewing', 'rolling', 'writing'], dice.between(1, 3), 12),
    duration: dice.between(4000, 6000),
  };
}

/** A segment takes no group, so that no lease ever names it; then it is dropped together with the one before. */
function emptySegment(dice: Dice): PlannedFault {
  return fault('go on', {
    state: 'rolling',
    nth: dice.between(1, 16),
    process: 0,
    setsOff: [
      fault(dice.pick(['error', 'short write']), {
        state: 'writing',
        process: 0,
        setsOff: [{ ...undoneDrop(dice), nth: dice.between(1, 3) }],
      }),
    ],
  });
}

/** Segments have just been dropped, when the file server loses some of that, and the owner is gone. */
function undoneDrop(dice: Dice): PlannedFault {
  return fault('go on', {
    state: 'dropping',
    nth: dice.pick([1, 1, 1, 2, 4]),
    process: 0,
    setsOff: [
      fault('server crash', {
        at: dice.between(3, 30),
        process: 0,
        lasts: dice.between(1, 10),
        setsOff: [
          fault(dice.pick(['kill', 'node crash']), {
            at: dice.between(0, 20),
            process: 'struck',
            restartAfter: dice.between(20, 400),
          }),
        ],
      }),
    ],
  });
}

/**
 * @param states in which the first strikes; the next may strike the adoption that it leads to
 * @param often it strikes when its state has been seen so many times at most
 */
function rounds(dice: Dice, states: readonly State[], left: number, often: number): PlannedFault[] {
  if (left === 0) return [];
  const how = dice.pick([
    'kill',
    'kill',
    'node crash',
    'node crash',
    'server crash',
    'server crash',
    'server crash',
    'error',
    'lost reply',
    'short write',
  ] as const);
  const gone = {
    restartAfter: dice.between(20, 400),
    mail: letters(dice, 0, dice.between(0, 4), 1200),
    setsOff: rounds(dice, dice.chance(0.5) ? ADOPTION : COMMIT, left - 1, 4),
  };
  const aim = {
    state: dice.pick(how === 'short write' ? (['writing', 'rolling'] as const) : states),
    nth: dice.between(1, often),
    process: dice.chance(0.8) ? 0 : undefined,
  };
  if (how === 'kill' || how === 'node crash') return [fault(how, { ...aim, ...gone })];
  // What its machine still has of what it wrote goes with it, or doesn't.
  const end = fault(dice.pick(['kill', 'node crash', 'node crash']), {
    at: dice.between(0, dice.pick([4, 40, 400])),
    process: 'struck',
    ...gone,
  });
  return [fault(how, { ...aim, lasts: dice.between(1, 30), setsOff: [end] })];
}

/** An owner takes its reserve late, when another has the lane, and has had its own reserve in use. */
function fullVolume(dice: Dice): Scene {
  const goOn = fault('go on', {
    at: dice.between(7000, 9000),
    process: 0,
    setsOff: [
      fault('kill', { at: dice.between(20, 2500), process: 'other', restartAfter: dice.between(100, 500) }),
    ],
  });
  const again = fault('full volume', {
    at: dice.between(5600, 6600),
    process: 1,
    lasts: dice.between(300, 1500),
  });
  const struck = dice.pick([
    'pause',
    'pause',
    'pause',
    'pause',
    'kill',
    'late',
    'lost reply',
    'short write',
  ] as const);
  return {
    ...fleet(dice, [0, 1]),
    unreachable: [{ destination: 1, from: 0, to: dice.between(6000, 12_000) }],
    messages: [
      ...letters(dice, 0, dice.between(6, 12), 1500),
      ...letters(dice, 1, 4, 3000).map((message) => ({ ...message, at: message.at + 6500 })),
    ],
    faults: [
      fault('full volume', {
        at: dice.between(300, 1300),
        process: 0,
        lasts: dice.between(500, 5000),
        setsOff: [
          fault(struck, {
            state: dice.pick(['taking', 'taking', 'taking', 'rolling', 'rolling', 'on reserve', 'reserve']),
            nth: dice.pick([1, 1, 2, 3]),
            process: 0,
            lasts: FOR_GOOD,
            restartAfter: dice.between(100, 500),
            setsOff: dice.chance(0.8) ? [goOn, again] : [goOn],
          }),
        ],
      }),
    ],
    duration: dice.between(10_000, 12_000),
  };
}

/** Large messages come all at once, and share the syncs of their folder. */
function bodies(dice: Dice): Scene {
  const large = letters(dice, 0, dice.between(5, 10), dice.pick([5, 30, 200]));
  const crash = dice.chance(0.5);
  return {
    ...fleet(dice, [0, 1]),
    unreachable: [{ destination: 1, from: 0, to: dice.between(1000, 4000) }],
    // When all have started.
    messages: large.map((message) => ({
      ...message,
      at: 400 + message.at,
      size: dice.between(520, 2500),
    })),
    faults: [
      fault(
        crash ? 'server crash' : dice.pick(['slow', 'slow', 'node crash', 'kill', 'error', 'lost reply']),
        {
          state: crash ? 'body' : dice.pick(['body', 'body', 'writing', 'syncing']),
          nth: dice.between(1, crash ? 30 : 12),
          process: 0,
          lasts: dice.between(1, 100),
          restartAfter: dice.between(20, 400),
          setsOff: dice.chance(0.5) ? rounds(dice, COMMIT, 1, 4) : [],
        },
      ),
    ],
    duration: dice.between(3000, 5000),
  };
}

/** A worker that stops is paused while it writes its last group, and goes on when another has the lane. */
function lateRelease(dice: Dice): Scene {
  const at = dice.between(300, 1500);
  // Enough for a group that waits behind the one that is being written.
  const letter = letters(dice, 0, dice.between(3, 9), 40);
  return {
    ...fleet(
      dice,
      dice.pick([
        [0, 1],
        [0, 1, 1],
      ]),
    ),
    unreachable: [{ destination: 1, from: 0, to: dice.between(6000, 10_000) }],
    messages: [
      ...letters(dice, 0, dice.between(2, 6), at, [1]),
      ...letter.map((message) => ({ ...message, at: Math.max(0, at - message.at) })),
    ],
    faults: [
      fault('stop', {
        at,
        process: 0,
        restartAfter: dice.between(100, 1500),
        setsOff: [
          fault('pause', {
            // At its renewal it has everything still to learn: that its last group is refused, and its snapshot too long.
            state: dice.chance(0.75)
              ? 'renewing'
              : dice.pick(['writing', 'syncing', 'snapshot', 'releasing'] as const),
            process: 0,
            // Mostly until it has been adopted.
            lasts: dice.between(5800, 8500),
          }),
          fault('kill', {
            at: dice.between(8000, 10_000),
            process: 1,
            restartAfter: dice.between(50, 500),
          }),
        ],
      }),
    ],
    duration: dice.between(10_000, 12_000),
  };
}

/** Who adopts a lane is paused while it sweeps it, and goes on when the lane has become the home of another. */
function lateSweep(dice: Dice): Scene {
  const goOn = fault('go on', { at: dice.between(5200, 8500), process: 'struck' });
  // So that it hears of its loss before it has swept all.
  const slow = fault('slow', { state: 'sweeping', process: 'struck' });
  const home = fault('stop', {
    at: dice.between(5300, 6500),
    process: 'other',
    restartAfter: dice.between(50, 200),
    mail: letters(dice, 0, dice.between(2, 6), 1500).map((message) => ({ ...message, size: 1000 })),
  });
  return {
    ...fleet(dice, [0, 1, 2]),
    unreachable: [
      { destination: 1, from: 0, to: dice.between(6000, 10_000) },
      { destination: 0, from: 2000, to: dice.between(6000, 10_000) },
    ],
    messages: letters(dice, 0, dice.between(3, 7), 500),
    faults: [
      fault('stop', {
        at: dice.between(500, 1200),
        process: 0,
        restartAfter: FOR_GOOD,
        setsOff: [
          fault('pause', {
            state: 'sweeping',
            nth: dice.between(3, 6),
            lasts: FOR_GOOD,
            setsOff: [goOn, ...(dice.chance(0.7) ? [home] : []), ...(dice.chance(0.4) ? [slow] : [])],
          }),
        ],
      }),
    ],
    duration: dice.between(8500, 10_500),
  };
}

/**
 * An owner dies between the beginning of a segment and its name in the lease, so that who adopts the lane begins the one
 * after; then both are dropped, when the file server loses some of that, and the adopter is gone.
 */
function unnamedSegment(dice: Dice): Scene {
  return {
    ...fleet(dice, [0, 1]),
    unreachable: [{ destination: 0, from: 1200, to: dice.between(1500, 2500) }],
    messages: letters(dice, 0, dice.between(14, 28), 2000, [0]),
    faults: [
      fault(dice.pick(['kill', 'node crash']), {
        state: 'rolling',
        nth: dice.between(1, 16),
        process: 0,
        restartAfter: dice.between(20, 200),
        setsOff: [undoneDrop(dice)],
      }),
    ],
    duration: dice.between(4000, 6000),
  };
}
