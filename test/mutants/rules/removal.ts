/** "Removal is fenced too": synced intent, renewal, then unlink; compaction, and the end of a lane. */
import type { Mutant } from '../mutant.ts';

const COMPACTION = 'mta/queue/compaction.ts';
const REPLAY = 'mta/queue/replay.ts';

export const removal: readonly Mutant[] = [
  {
    name: 'segment-unlinked-before-the-record',
    rule: 'An unlink is like a 250: synced intent, renewal, then unlink.',
    file: COMPACTION,
    edits: [
      {
        find: '      await Promise.all([\n        this.#parts.restate(),',
        replace:
          '      await segments.drop(upTo);\n      await Promise.all([\n        this.#parts.restate(),',
      },
    ],
  },
  {
    name: 'segment-unlinked-without-waiting',
    rule: 'An unlink is like a 250: it waits for the record that says so, and for the renewal.',
    file: COMPACTION,
    edits: [
      {
        find: '      await Promise.all([\n        this.#parts.restate(),',
        replace: '      void Promise.all([\n        this.#parts.restate(),',
      },
    ],
  },
  {
    name: 'drops-what-is-being-written',
    rule: 'A segment goes only when no message needs its records.',
    file: COMPACTION,
    edits: [
      {
        find: 'while (upTo < segments.currentNumber && index.liveBytes(upTo) === 0) upTo += 1;',
        replace: 'while (upTo <= segments.currentNumber && index.liveBytes(upTo) === 0) upTo += 1;',
      },
    ],
  },
  {
    name: 'oldest-dropped-with-its-messages',
    rule: 'What is left of the oldest segment is written again at the tail before it is dropped.',
    file: COMPACTION,
    edits: [
      {
        find: 'while (upTo < segments.currentNumber && index.liveBytes(upTo) === 0) upTo += 1;',
        replace:
          'do upTo += 1; while (upTo < segments.currentNumber && index.liveBytes(upTo) < index.totalLiveBytes / 8);',
      },
    ],
  },
  {
    name: 'moved-with-its-former-jobs',
    rule: 'A message is moved with its jobs as they are now.',
    file: COMPACTION,
    edits: [
      {
        find: '{ ...part, jobs: message.jobs }',
        replace: '{ ...part, jobs: JSON.parse(part.jobs.toString()) }',
      },
    ],
  },
  {
    name: 'numbers-and-keys-not-restated',
    rule: 'What the lane must not forget is written again before its segment goes: numbers given away, keys of moves.',
    file: COMPACTION,
    edits: [{ find: '        this.#parts.restate(),\n', replace: '' }],
  },
  {
    name: 'reserved-numbers-ignored',
    rule: 'No id is ever used twice.',
    file: REPLAY,
    edits: [
      {
        find: '        this.highest = Math.max(this.highest, decodeLaneRecord(payload));\n',
        replace: '',
      },
    ],
  },
  {
    name: 'dropped-ignored',
    rule: 'Adopters honour every intent to unlink a segment.',
    file: REPLAY,
    edits: [
      {
        find: '        this.firstSegment = Math.max(this.firstSegment, decodeLaneRecord(payload));\n',
        replace: '',
      },
    ],
  },
  {
    name: 'dropped-segment-come-back',
    rule: 'Of a dropped segment that a crash has brought back nothing is taken.',
    file: 'mta/queue/recovery.ts',
    edits: [{ find: '  index.forget(first);\n', replace: '' }],
  },
  {
    name: 'retired-lane-left-claimable',
    rule: 'A lane that is removed is taken from everybody before anything of it goes.',
    file: 'mta/queue/lane.ts',
    edits: [{ find: 'await this.#lease.retire();', replace: 'this.#lease.abandon();' }],
  },
  {
    name: 'retirement-not-synced',
    rule: 'That a lane is retired is synced before anything of it is unlinked.',
    file: 'mta/queue/lease.ts',
    edits: [
      {
        find: '    if (!ours) throw lost();\n    await disk.syncDirectory(this.#folder);',
        replace: '    if (!ours) throw lost();',
      },
    ],
  },
];
