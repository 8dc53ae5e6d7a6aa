/** Snapshots are hints: bound to their segment, valid at or below the seal. */
import type { Mutant } from '../mutant.ts';

const SNAPSHOTS = 'mta/queue/snapshots.ts';

export const snapshots: readonly Mutant[] = [
  {
    name: 'snapshot-beyond-the-seal',
    rule: 'Snapshots are hints, valid at or below the seal.',
    file: SNAPSHOTS,
    edits: [{ find: 'snapshot.end > most ?', replace: 'snapshot.end > Number.MAX_SAFE_INTEGER ?' }],
  },
  {
    name: 'snapshot-without-the-rest',
    rule: 'What a segment holds behind the end of its snapshot is read from the segment.',
    file: 'mta/queue/replay-segment.ts',
    edits: [{ find: '{ from: snapshot.end }', replace: '{ from: size }' }],
  },
];
