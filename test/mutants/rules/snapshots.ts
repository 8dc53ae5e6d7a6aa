/** Snapshots are hints: bound to their segment, valid at or below the seal. */
import type { Mutant } from '../mutant.ts';

const SNAPSHOTS = 'mta/queue/snapshots.ts';

export const snapshots: readonly Mutant[] = [
  {
    name: 'snapshot-beyond-the-seal',
    rule: 'A snapshot is used only where it says all that counts of its segment, and nothing else.',
    file: SNAPSHOTS,
    edits: [
      {
        find: 'if (snapshot.end === counted) return undefined;',
        replace: 'if (snapshot.end >= 0) return undefined;',
      },
    ],
  },
];
