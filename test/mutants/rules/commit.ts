/** "Commit = sync, then renew, then 250", and what becomes of a group that failed. */
import type { Mutant } from '../mutant.ts';

const JOURNAL = 'mta/queue/journal.ts';

const RENEWAL = `    await this.#lease.renew();
    return places;`;
const WRITE = `      await current.file.write(buffers, current.end);
      await current.file.sync();
`;
const KEPT = '    this.#waiting.unshift(...kept);\n';

export const commit: readonly Mutant[] = [
  {
    name: '250-before-the-sync',
    rule: 'A message is answered 250 only after it is on stable storage.',
    file: JOURNAL,
    edits: [
      {
        find: WRITE,
        replace: `      const { file, end } = current;
      file.write(buffers, end).then(() => file.sync()).catch(() => undefined);
`,
      },
    ],
  },
  {
    name: '250-before-the-renewal',
    rule: 'Commit = sync, then renew, then 250.',
    file: JOURNAL,
    edits: [
      {
        find: RENEWAL,
        replace: `    this.#lease.renew().catch((error) => this.lose(error));
    return places;`,
      },
    ],
  },
  {
    name: 'renewal-before-the-sync',
    rule: 'Each group commit ends with a renewal, so a claim can only come after the record it would miss.',
    file: JOURNAL,
    edits: [
      { find: WRITE, replace: `      await this.#lease.renew();\n${WRITE}` },
      { find: RENEWAL, replace: '    return places;' },
    ],
  },
  {
    name: 'new-segment-not-named',
    rule: 'The lease names a new segment, on stable storage, before anything counts there.',
    file: JOURNAL,
    edits: [{ find: '      await this.#lease.nameSegment(segments.current);\n', replace: '' }],
    also: [
      {
        file: 'mta/queue/open-lane.ts',
        edits: [{ find: '      await lease.nameSegment(segments.current);\n', replace: '' }],
      },
    ],
  },
  {
    name: 'new-segment-named-but-not-synced',
    rule: 'The lease names a new segment, on stable storage, before anything counts there.',
    file: 'mta/queue/lease.ts',
    edits: [
      {
        find: `    await this.renew();
    await this.#deps.disk.syncDirectory(this.#folder);`,
        replace: '    await this.renew();',
      },
    ],
  },
  {
    name: 'renewal-left-to-the-clock',
    rule: 'Safety needs no clock at all: not with a paused process, not with a paused virtual machine.',
    file: JOURNAL,
    edits: [
      {
        find: RENEWAL,
        replace: `    if (this.#clock.monotonic() - this.#lease.renewedAt > 1000) await this.#lease.renew();
    return places;`,
      },
    ],
  },
  {
    name: 'renewal-of-every-other-group',
    rule: 'Every group ends with a renewal, after the sync and before the 250.',
    file: JOURNAL,
    edits: [
      {
        find: RENEWAL,
        replace: `    if (this.#sequence % 2 === 0) await this.#lease.renew();
    return places;`,
      },
    ],
  },
  {
    name: 'failed-renewal-ignored',
    rule: 'A former owner that was paused fails at its next renewal and answers 451.',
    file: JOURNAL,
    edits: [
      {
        find: RENEWAL,
        replace: `    await this.#lease.renew().catch(() => undefined);
    return places;`,
      },
    ],
  },
  {
    name: 'sync-tried-again-and-believed',
    rule: 'After a failed write or sync: never sync again and believe it.',
    file: JOURNAL,
    edits: [
      {
        find: WRITE,
        replace: `      await current.file.write(buffers, current.end).catch(() => current.file.sync());
      await current.file.sync().catch(() => current.file.sync());
`,
      },
    ],
  },
  {
    name: 'same-segment-after-a-failure',
    rule: 'After a short write, EIO or a failed sync: seal at the last synced offset, go on in a new segment.',
    file: JOURNAL,
    edits: [
      {
        find: `      this.#broken = true;
      throw error;`,
        replace: '      throw error;',
      },
    ],
  },
  {
    name: 'settlements-of-a-failed-group-believed',
    rule: 'Records of what has happened are written again after a failed group.',
    file: JOURNAL,
    edits: [
      {
        find: KEPT,
        replace: '    for (const one of kept) one.resolve({ segment: 0, offset: 0, length: 0 });\n',
      },
    ],
  },
  {
    name: 'settlements-of-a-failed-group-last',
    rule: 'What a failed group had to tell goes to the front of the next group: records hold full states.',
    file: JOURNAL,
    edits: [{ find: KEPT, replace: '    this.#waiting.push(...kept);\n' }],
  },
];
