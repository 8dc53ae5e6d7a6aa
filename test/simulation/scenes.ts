/**
 * Histories that chance alone would play too seldom: several things that have to go wrong one after the other. Each scene
 * leaves to its dice what strikes at which step, and how long after the one before.
 */
import type { Dice } from './dice.ts';
import { DISK_SCENES } from './disk-scenes.ts';
import type { PlannedFault, PlannedMessage, Who } from './plan.ts';
import { FOR_GOOD, fault, fleet, letters, moment, type Scene } from './scene-parts.ts';
import type { State } from './states.ts';

const ADOPTION: readonly State[] = ['claiming', 'walking', 'replaying', 'sealing', 'sweeping'];
const COMMIT: readonly State[] = [
  'body',
  'writing',
  'syncing',
  'renewing',
  'reading',
  'before dot',
  'after dot',
];
const SCENES = [
  ...DISK_SCENES,
  // Some need more luck than others.
  ...[undoneClaim, undoneClaim, undoneClaim],
  ...[doubleAdoption, doubleAdoption, doubleAdoption],
  takeover,
  ghostMail,
  handOver,
  retirement,
  failedGroup,
];

export function sceneOf(dice: Dice): Scene {
  return dice.pick(SCENES)(dice);
}

/** An owner that is paused beyond its term goes on while somebody adopts its lane, and is gone again soon after. */
function takeover(dice: Dice): Scene {
  const troubled = dice.chance(0.3);
  const strike = troubled
    ? 'go on'
    : dice.pick(['server crash', 'pause', 'kill', 'node crash', 'go on', 'go on', 'slow'] as const);
  const wakes = troubled ? dice.between(30, 600) : dice.between(0, dice.pick([20, 200, 2000]));
  return {
    ...fleet(
      dice,
      dice.pick([
        [0, 1],
        [0, 1, 2],
        [0, 0, 1],
        [0, 1, 1],
      ]),
    ),
    unreachable: [{ destination: 1, from: 0, to: dice.between(1000, 12_000) }],
    messages: letters(dice, 0, dice.between(4, 8), 900),
    faults: [
      fault('pause', {
        ...moment(dice, COMMIT, 12),
        process: 0,
        lasts: FOR_GOOD,
        setsOff: [
          fault(strike, {
            state: dice.pick(ADOPTION),
            nth: dice.between(1, 6),
            lasts: strike === 'server crash' ? dice.between(5, 300) : dice.between(500, 9000),
            setsOff: [
              ...(troubled ? trouble(dice, wakes) : slowToNotice(dice, 0)),
              fault('go on', { at: wakes, process: 0, mail: letters(dice, 0, dice.between(1, 4), 600) }),
              fault(dice.pick(['kill', 'pause']), {
                at: wakes + dice.between(100, 3000),
                process: strike === 'go on' ? dice.pick([0, 1, 1]) : dice.pick([0, 'struck']),
                lasts: FOR_GOOD,
                restartAfter: dice.between(100, 1500),
              }),
            ],
          }),
        ],
      }),
    ],
    duration: dice.between(9000, 12_000),
  };
}

/** What keeps an owner that goes on from finding out whether the lane is still its own. */
function trouble(dice: Dice, at: number): PlannedFault[] {
  return dice.chance(0.5)
    ? [fault('outage', { at: at - dice.between(0, 20), process: 0, lasts: dice.between(50, 1500) })]
    : (['keeping', 'renewing'] as const).map((state) => fault('error', { at, state, nth: 2, process: 0 }));
}

/** An owner is paused with mail on its way into a group; it writes that when its lane is another's, who is gone soon. */
function ghostMail(dice: Dice): Scene {
  return {
    ...fleet(dice, [0, 1]),
    unreachable: [{ destination: 1, from: 0, to: 20_000 }],
    messages: letters(dice, 0, dice.between(6, 10), 40, [0, 1, 1, 2]).map((message) => ({
      ...message,
      at: message.at + 500,
    })),
    faults: [
      fault('pause', {
        state: dice.pick(['body', 'writing', 'syncing', 'renewing']),
        nth: dice.between(2, 5),
        process: 0,
        lasts: FOR_GOOD,
        setsOff: [
          fault('go on', {
            state: 'sealing',
            nth: dice.between(3, 4),
            process: 1,
            setsOff: [
              ...slowToNotice(dice, 0),
              fault('go on', { at: dice.between(0, 300), process: 0 }),
              fault('kill', {
                at: dice.between(300, 2500),
                process: 1,
                restartAfter: dice.between(50, 400),
              }),
            ],
          }),
        ],
      }),
    ],
    duration: dice.between(9000, 10_000),
  };
}

/** Renewals that hang, so that a former owner goes on for a while as if it still were one. */
const slowToNotice = (dice: Dice, process: Who): PlannedFault[] =>
  dice.chance(0.7) ? [1, 2].map((nth) => fault('slow', { state: 'keeping', nth, process })) : [];

/**
 * The file server crashes while a claimant is paused, between its claim and the sync of that, or with its seal under way.
 * The owner goes on where that undid the claim. It is on the same machine, and hears of the crash first, as it begins a
 * segment or drops one: then the claimant's sync says nothing.
 */
function undoneClaim(dice: Dice): Scene {
  const claimant = 1;
  const large = (count: number, within: number): PlannedMessage[] =>
    letters(dice, 0, count, within, [1, 1, 0]).map((message) => ({
      ...message,
      size: dice.between(300, 500),
    }));
  const goesOn = dice.between(5, 60);
  return {
    ...fleet(dice, [0, 0, 1]),
    unreachable: [{ destination: 1, from: 0, to: 20_000 }],
    messages: letters(dice, 0, dice.between(10, 18), 1500),
    faults: [
      // So that nobody else claims the lane.
      fault('stop', { at: 350, process: 2, restartAfter: FOR_GOOD }),
      fault('pause', {
        // The folder has just been synced, or is about to be.
        state: dice.pick(['rolling', 'dropping']),
        nth: dice.between(4, 16),
        process: 0,
        lasts: FOR_GOOD,
        setsOff: [
          fault('pause', {
            ...dice.pick([
              { state: 'claiming', nth: 1 },
              { state: 'claiming', nth: 1 },
              { state: 'sealing', nth: dice.between(3, 4) },
            ] as const),
            process: claimant,
            lasts: FOR_GOOD,
            setsOff: [
              fault('server crash', {
                at: dice.between(2, 12),
                process: claimant,
                lasts: dice.between(1, 20),
              }),
              fault('go on', {
                at: 32 + goesOn,
                process: 0,
                mail: [...large(dice.between(0, 10), 60), ...large(4, 1200)],
              }),
              fault('go on', { at: 32 + goesOn + dice.between(20, 500), process: claimant }),
              fault('kill', { at: dice.between(900, 2200), process: 0, restartAfter: dice.between(50, 300) }),
            ],
          }),
        ],
      }),
    ],
    duration: dice.between(9000, 10_000),
  };
}

/** Who adopts a lane is struck on the way; another does it instead, and is gone soon after; the first one goes on. */
function doubleAdoption(dice: Dice): Scene {
  // Both may be about to begin the next segment at once; or the first one goes on when all is done.
  const race = dice.chance(0.4);
  const strike = race
    ? 'pause'
    : dice.pick(['pause', 'pause', 'pause', 'pause', 'kill', 'late', 'slow'] as const);
  const second: Partial<PlannedFault> = race
    ? { state: 'claiming', nth: dice.between(8, 18) }
    : // The one that is struck has a lane as well, which is adopted then too, and mostly first.
      { state: 'sealing', nth: dice.between(2, 6) };
  const goesOn = dice.between(0, race ? 3 : dice.pick([50, 1000]));
  return {
    ...fleet(dice, [0, 1, 2]),
    staleness: dice.pick(race ? [0, 0.9, 0.9] : [0, 0, 0.3, 0.9]),
    unreachable: [0, 1].map((destination) => ({ destination, from: 0, to: dice.between(5000, 10_500) })),
    messages: letters(dice, 0, dice.between(5, 9), 500),
    faults: [
      fault('stop', {
        at: dice.between(600, 1000),
        process: 0,
        restartAfter: FOR_GOOD,
        setsOff: [
          fault(strike, {
            state: race ? 'walking' : dice.pick(['walking', 'walking', ...ADOPTION]),
            nth: dice.between(1, race ? 3 : 5),
            lasts: FOR_GOOD,
            restartAfter: FOR_GOOD,
            setsOff: [
              fault('go on', {
                ...second,
                process: 'other',
                setsOff: [
                  fault('go on', { at: goesOn, process: 'struck' }),
                  ...slowToNotice(dice, 'struck'),
                  fault('kill', {
                    at: goesOn + dice.between(20, dice.pick([200, 2500, 2500])),
                    process: 'other',
                    restartAfter: FOR_GOOD,
                  }),
                ],
              }),
            ],
          }),
        ],
      }),
    ],
    duration: dice.between(11_000, 14_000),
  };
}

/** A lane of several segments is let go, and taken by nodes that believe what they saw of it long ago. */
function handOver(dice: Dice): Scene {
  return {
    ...fleet(
      dice,
      dice.pick([
        [0, 1],
        [0, 1, 2],
      ]),
    ),
    ...(dice.chance(0.5) ? { oldSizes: true, staleness: 0 } : { staleness: 0.9 }),
    unreachable: [
      { destination: 0, from: 1200, to: 5000 },
      { destination: 1, from: 0, to: 5000 },
      { destination: 2, from: 0, to: 5000 },
    ],
    messages: letters(dice, 0, dice.between(8, 18), 2500),
    faults: [
      fault(dice.pick(['kill', 'pause', 'server crash', 'error', 'late', 'slow']), {
        state: dice.pick(ADOPTION),
        nth: dice.between(1, 12),
        lasts: dice.between(50, 8000),
        restartAfter: dice.between(100, 3000),
      }),
      fault('stop', { at: dice.between(1500, 3200), process: 0, restartAfter: dice.between(1500, 6000) }),
    ],
    duration: dice.between(5000, 9000),
  };
}

/** Who removes an empty lane is struck on the way, and starts again with new mail. */
function retirement(dice: Dice): Scene {
  const strike = dice.pick([
    'server crash',
    'server crash',
    'late',
    'late',
    'kill',
    'pause',
    'slow',
  ] as const);
  return {
    ...fleet(
      dice,
      dice.pick([
        [0, 1],
        [0, 1, 1],
      ]),
    ),
    unreachable: [{ destination: 1, from: 2500, to: 20_000 }],
    messages: letters(dice, 0, dice.between(1, 3), 400, [0]),
    faults: [
      fault('stop', { at: dice.between(500, 1500), process: 0, restartAfter: dice.between(3000, 12_000) }),
      fault(strike, {
        state: 'retiring',
        nth: strike === 'late' ? dice.between(1, 2) : dice.between(1, 14),
        lasts: dice.between(10, 6000),
        restartAfter: dice.between(20, 500),
        setsOff: [
          fault('kill', {
            at: dice.between(20, 600),
            process: 'struck',
            restartAfter: dice.between(20, 200),
          }),
          fault('go on', {
            at: dice.between(700, 1500),
            process: 'struck',
            mail: letters(dice, 1, 4, 1500, [1]),
          }),
        ],
      }),
    ],
    duration: dice.between(8000, 15_000),
  };
}

/** A group fails while more is waiting to be told of the same messages; soon after, its lane is read by another. */
function failedGroup(dice: Dice): Scene {
  return {
    ...fleet(
      dice,
      dice.pick([
        [0, 1],
        [0, 0, 1],
      ]),
    ),
    unreachable: [],
    messages: letters(dice, 0, dice.between(5, 9), 1000).map((message) => ({
      ...message,
      recipients: [2, dice.pick([0, 1])],
    })),
    faults: [
      fault(dice.pick(['error', 'error', 'short write', 'lost reply']), {
        state: dice.pick(['writing', 'syncing']),
        nth: dice.between(3, 16),
        process: 0,
        setsOff: [
          // As soon as what was waiting has been told.
          fault('go on', {
            state: 'renewing',
            process: 0,
            setsOff: [
              fault('kill', {
                at: dice.between(3, dice.pick([60, 600])),
                process: 0,
                restartAfter: dice.between(20, 200),
              }),
            ],
          }),
        ],
      }),
    ],
    duration: dice.between(3000, 5000),
  };
}
