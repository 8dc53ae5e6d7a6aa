/** Of thousands of resources, those whose status may be another after something has happened to their fleet. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Diagnostic } from '../compile/types.ts';
import type { FleetState } from './fleet-state.ts';

type Findings = FleetState['findings'];

/** Ids of resources. @param before as the fleet was when this was asked last */
export function* affected(before: FleetState | undefined, after: FleetState | undefined): Generator<string> {
  // While something isn't known, statuses stay as they are.
  const isKnown = (state: FleetState | undefined) => state !== undefined && !state.isAsking;
  if (!isKnown(before) || !isKnown(after)) {
    if (isKnown(before) || isKnown(after)) yield* idsOf(before, after);
    return;
  }
  for (const id of idsOf(before, after)) if (!isSame(id, before!, after!)) yield id;
}

const idsOf = (...states: readonly (FleetState | undefined)[]): Set<string> =>
  new Set(states.flatMap((state) => [...(state?.specs.keys() ?? [])]));

function isSame(id: string, before: FleetState, after: FleetState): boolean {
  return (
    before.specs.get(id) === after.specs.get(id) &&
    before.findings.get(id) === after.findings.get(id) &&
    before.fragments.get(id) === after.fragments.get(id) &&
    before.tlsReports?.get(id) === after.tlsReports?.get(id) &&
    isDeepStrictEqual(before.records.get(id), after.records.get(id)) &&
    standing(id, before) === standing(id, after)
  );
}

/** What the pods say that concerns this resource. */
function standing(id: string, { fragments, loaded, refusal }: FleetState): string {
  const { revision } = fragments.get(id) ?? {};
  if (revision === undefined) return '';
  if (loaded !== undefined && loaded >= revision) return 'loaded';
  return `${loaded === undefined} ${refusal && `${refusal.pod} ${refusal.revision} ${refusal.reason}`}`;
}

/** What was found about each resource: the same list as before where it says the same, so that it is seen to. */
export function keepSame(
  before: Findings,
  diagnostics: readonly Diagnostic[],
  idOf: (each: Diagnostic) => string,
): Findings {
  const after = Map.groupBy(diagnostics, idOf);
  for (const [id, found] of after) {
    const old = before.get(id);
    if (
      old !== undefined &&
      old.length === found.length &&
      old.every((each, i) => isAlike(each, found[i]!))
    ) {
      after.set(id, old as Diagnostic[]);
    }
  }
  return after;
}

const isAlike = (one: Diagnostic, other: Diagnostic): boolean =>
  one.condition === other.condition &&
  one.status === other.status &&
  one.reason === other.reason &&
  one.path === other.path &&
  one.message === other.message;
