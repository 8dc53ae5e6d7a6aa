/** Adoption: the walk by number, the exclusive end of it, the seal. */
import type { Mutant } from '../mutant.ts';

const RECOVERY = 'mta/queue/recovery.ts';
const SEGMENTS = 'mta/queue/segments.ts';

/** A claimant that looks once more before it begins leaves no head to be told from a later owner's: the other of two safeguards. */
const WITHOUT_ANOTHER_LOOK = { find: '  await confirm();\n  for', replace: '  for' };

export const adoption: readonly Mutant[] = [
  {
    name: 'walk-from-the-listing',
    rule: 'A survivor walks the segments by number: a listing may be a minute old over NFS.',
    file: RECOVERY,
    edits: [
      {
        find: '  for (let number = Math.max(named, 1); !next; number += 1) {',
        replace: `  const listed = (await disk.list(folder)).flatMap((name) => parseSegmentName(name) ?? []);
  for (let number = Math.max(1, ...listed); !next; number += 1) {`,
      },
    ],
  },
  {
    name: 'next-segment-shared',
    rule: 'The walk ends by exclusively creating the next segment: if it exists, there is one more to read.',
    file: RECOVERY,
    edits: [
      {
        find: "    if (errorCode(error) === 'EEXIST') return undefined;",
        replace:
          "    if (errorCode(error) === 'EEXIST') return disk.openWritable(join(folder, segmentName(number)));",
      },
    ],
  },
  {
    name: 'named-segment-believed-missing',
    rule: 'That a segment is missing is believed of an exclusive create alone: the one that the lease names.',
    file: RECOVERY,
    edits: [
      { find: '      if (!segment.file) {\n', replace: '      if (!segment.file && number !== named) {\n' },
      {
        find: 'if (!file && number >= first) await',
        replace: 'if (!file && number >= first && number !== written.segment) await',
      },
    ],
  },
  {
    name: 'older-segment-believed-missing',
    rule: 'That a segment is missing is believed of an exclusive create alone: one that the seal names.',
    file: RECOVERY,
    edits: [{ find: 'if (!file && number >= first) await', replace: 'if (!file && number < 0) await' }],
  },
  {
    name: 'seal-ignored',
    rule: 'What a ghost still appends to an older segment lies above the seal and counts for nothing.',
    file: RECOVERY,
    edits: [
      {
        find: 'const sealed = sealOf(seal, number);',
        replace: 'const sealed = sealOf(seal, number) === 0 ? 0 : undefined;',
      },
    ],
  },
  {
    name: 'seal-of-the-older-epoch',
    rule: 'The head of the highest epoch that is whole counts.',
    file: RECOVERY,
    edits: [{ find: 'header.epoch > newest.epoch ||', replace: 'header.epoch < newest.epoch ||' }],
  },
  {
    name: 'seal-of-the-highest-number',
    rule: 'The head of the highest epoch and number counts, not of the highest number alone: of a claimant, too, that begins a segment though it has lost the lane.',
    file: RECOVERY,
    edits: [
      {
        find: `      header.epoch > newest.epoch ||
      (header.epoch === newest.epoch && header.number > newest.number);`,
        replace: '      header.number > newest.number;',
      },
      WITHOUT_ANOTHER_LOOK,
    ],
  },
  {
    name: 'epoch-always-the-same',
    rule: 'The seal is named by epoch: the number of the lease by which its writer claimed the lane.',
    file: 'mta/queue/open-lane.ts',
    edits: [{ find: 'const { epoch } = lease;', replace: 'const epoch = 1;' }],
    also: [{ file: RECOVERY, edits: [WITHOUT_ANOTHER_LOOK] }],
  },
  {
    name: 'end-in-the-lease-ignored',
    rule: "The lease's name says how far its segment had been synced: a claimant must see that much of it.",
    file: 'mta/queue/open-lane.ts',
    edits: [
      {
        find: 'recoverLane(noted, folder, lease.written, ',
        replace: 'recoverLane(noted, folder, { ...lease.written, end: 0 }, ',
      },
    ],
  },
  {
    name: 'older-segment-seen-short',
    rule: 'Of each older segment a claimant must see as much as the seal says.',
    file: RECOVERY,
    edits: [{ find: 'sealOf(newestHeader(newer), number) ?? 0, patience', replace: '0, patience' }],
  },
  {
    name: 'seal-over-the-torn-tail',
    rule: 'Damage above the last proven offset is a torn tail, and is sealed out.',
    file: RECOVERY,
    edits: [
      {
        find: '    ends.push({ number, end: result.end > dataStart(header) ? result.end : 0 });',
        replace: '    ends.push({ number, end: segment.size });',
      },
    ],
  },
  {
    name: 'seal-a-byte-short',
    rule: 'The seal says the offset up to which every segment counts.',
    file: SEGMENTS,
    edits: [
      {
        find: '    this.#ends.push(current.end > current.start ? current.end : 0);',
        replace: '    this.#ends.push(Math.max(current.start, current.end - 1));',
      },
    ],
  },
  {
    name: 'seal-over-a-failed-group',
    rule: 'After a failed sync the segment is sealed at the last synced offset.',
    file: SEGMENTS,
    edits: [
      {
        find: '    this.#ends.push(current.end > current.start ? current.end : 0);',
        replace: '    this.#ends.push(Math.max(current.end, await current.file.size().catch(() => 0)));',
      },
    ],
  },
  {
    name: 'lost-while-being-opened',
    rule: 'A lane that was lost while it was being opened is nothing to work with.',
    file: 'mta/queue/open-lane.ts',
    edits: [{ find: '    await lease.renew();\n    return lane;', replace: '    return lane;' }],
  },
  {
    name: 'unsynced-tail-built-on',
    rule: 'What was written but not synced by an owner that died is synced by the next one before it is built on.',
    file: 'mta/queue/replay-segment.ts',
    edits: [
      {
        find: '  if (sealed === undefined) {\n',
        replace: '  if (sealed === undefined && end < 0) {\n',
      },
    ],
  },
  {
    name: 'head-not-synced',
    rule: 'The seal is synced before the first append or delivery.',
    file: SEGMENTS,
    edits: [
      {
        find: `    await file.sync();
    await this.#disk.syncDirectory(folder);`,
        replace: '    await this.#disk.syncDirectory(folder);',
      },
    ],
  },
  {
    name: 'segment-name-not-synced',
    rule: 'Each new segment has its directory synced before the first 250 that needs it.',
    file: SEGMENTS,
    edits: [
      {
        find: `    await file.sync();
    await this.#disk.syncDirectory(folder);`,
        replace: '    await file.sync();',
      },
    ],
  },
];
