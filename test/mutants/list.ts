/** Every rule of the queue (docs/queue.md), broken at least once: subtly rather than crudely. */
import type { Mutant } from './mutant.ts';
import { adoption } from './rules/adoption.ts';
import { bodies } from './rules/bodies.ts';
import { commit } from './rules/commit.ts';
import { damage } from './rules/damage.ts';
import { lease } from './rules/lease.ts';
import { removal } from './rules/removal.ts';
import { snapshots } from './rules/snapshots.ts';
import { space } from './rules/space.ts';

export const MUTANTS: readonly Mutant[] = [
  ...commit,
  ...lease,
  ...adoption,
  ...damage,
  ...removal,
  ...bodies,
  ...snapshots,
  ...space,
];
