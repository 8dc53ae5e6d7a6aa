/** The lease: one file, renewed and claimed by renames of one source. */
import type { Mutant } from '../mutant.ts';

const LEASE = 'mta/queue/lease.ts';

const DOUBT = '    return disk.exists(target).catch(() => false);';

export const lease: readonly Mutant[] = [
  {
    name: 'claim-not-synced',
    rule: 'A survivor that sees a lease unchanged for a term claims it, syncs the claim and its directory.',
    file: LEASE,
    edits: [{ find: '    await deps.disk.syncDirectory(folder);\n', replace: '' }],
  },
  {
    name: 'claim-not-proven',
    rule: 'A claim is proven by a renewal after its sync: before anything is touched, and again before it is sealed.',
    file: LEASE,
    edits: [{ find: '    await lease.renew().catch(() => undefined);\n', replace: '' }],
    // Just before damage is kept aside, and the seal is written.
    also: [
      { file: 'mta/queue/recovery.ts', edits: [{ find: '  await confirm();\n  for', replace: '  for' }] },
    ],
  },
  {
    name: 'failed-rename-believed',
    rule: 'A failed rename is checked by its nonce.',
    file: LEASE,
    edits: [{ find: DOUBT, replace: '    return true;' }],
  },
  {
    name: 'doubt-for-us',
    rule: 'In doubt, you lost.',
    file: LEASE,
    edits: [{ find: DOUBT, replace: '    return disk.exists(target).catch(() => true);' }],
  },
  {
    name: 'nonce-of-the-former-owner',
    rule: "The lease's name carries a number and its owner's nonce: what was renamed tells by whom.",
    file: LEASE,
    edits: [
      {
        find: `    const nonce = randomName(deps.random, 40);
    const name = { ...source, number: source.number + 1, nonce };`,
        replace: `    const nonce = source.nonce;
    const name = { ...source, number: source.number + 1, nonce };`,
      },
    ],
  },
  {
    name: 'segment-of-the-lease-left-behind',
    rule: "The lease's name says which segment is written: dropped ones lie before it.",
    file: LEASE,
    edits: [{ find: '...this.written };', replace: 'segment: from.segment, end: from.end };' }],
  },
  {
    name: 'owner-without-a-term',
    rule: 'An owner checks that it still is one before MAIL and before the final dot.',
    file: 'mta/queue/lane.ts',
    edits: [
      {
        find: 'return !this.#lease.lost && this.#context.clock.monotonic() - this.#lease.renewedAt < term;',
        replace: 'return !this.#lease.lost && term > 0;',
      },
    ],
  },
  {
    name: 'mail-without-a-look-at-the-lease',
    rule: 'An owner checks that it still is one before MAIL.',
    file: 'mta/deliver/transaction.ts',
    edits: [
      {
        find: '    this.#checkOwned();\n    const pipelined',
        replace: '    const pipelined',
      },
    ],
  },
  {
    name: 'final-dot-without-a-look-at-the-lease',
    rule: 'An owner checks that it still is one before the final dot.',
    file: 'mta/deliver/transaction.ts',
    edits: [
      {
        find: '    this.#checkOwned();\n    if (dialogue.failure',
        replace: '    if (dialogue.failure',
      },
    ],
  },
  {
    name: 'lane-id-used-again',
    rule: 'The queue is a folder of lanes, each with a random id that is never used again.',
    file: 'mta/queue/layout.ts',
    edits: [
      {
        find: 'newLaneId = (random: Random): string => randomName(random, 60);',
        replace: "newLaneId = (random: Random): string => randomName(random, 60).replace(/./g, 'a');",
      },
    ],
  },
  {
    name: 'lane-folder-not-synced',
    rule: 'Each new lane has its directory synced before the first 250 that needs it.',
    file: 'mta/queue/open-lane.ts',
    edits: [
      {
        find: `    await laneNames.sync(mark);
    return made;`,
        replace: '    return made;',
      },
    ],
  },
];
