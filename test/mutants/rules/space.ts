/** The full volume, and the reserve. */
import type { Mutant } from '../mutant.ts';

const RESERVE = 'mta/queue/reserve.ts';

export const space: readonly Mutant[] = [
  {
    name: 'reserve-not-exclusive',
    rule: 'A ghost can create no segment that another owner has: the reserve becomes one by a link.',
    file: RESERVE,
    edits: [
      {
        find: `      await this.#disk.link(this.#path, segment);
      await this.#disk.unlink(this.#path);`,
        replace: '      await this.#disk.rename(this.#path, segment);',
      },
      // An adopter that sees the reserve takes it away first; one with an old listing doesn't see it.
      { find: 'madeBy !== undefined && madeBy < epoch', replace: 'madeBy !== undefined && madeBy > epoch' },
    ],
  },
  {
    name: 'reserve-for-new-mail',
    rule: 'A preallocated reserve serves settlements and compaction only.',
    file: 'mta/queue/journal.ts',
    edits: [
      {
        find: 'segments.roll({ mayUseReserve: !newMail });',
        replace: 'segments.roll({ mayUseReserve: true });',
      },
    ],
  },
];
