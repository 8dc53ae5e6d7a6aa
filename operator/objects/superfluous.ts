/**
 * Objects of a fleet that its MTA doesn't name any more. Only of types that a spec may ask for or not, and never what may hold mail or
 * keys: a volume claim or a Secret goes by other rules. Pure.
 */
import { type KubeObject, keyOf, type ResourceType } from '../kube/resource.ts';
import { CERTIFICATES, POD_MONITORS, PROMETHEUS_RULES, SERVICES } from '../kube/resources.ts';
import { type Fleet, isOwnedBy } from './fleet.ts';
import type { Desired } from './objects.ts';

/** All that is ever taken away here. */
export const PRUNED: readonly ResourceType[] = [SERVICES, CERTIFICATES, POD_MONITORS, PROMETHEUS_RULES];

/** @param observed what there is of a type that bears our label, of any fleet */
export function superfluous(
  fleet: Fleet,
  desired: readonly Desired[],
  observed: (type: ResourceType) => Iterable<KubeObject>,
): readonly Desired[] {
  return PRUNED.flatMap((type) => {
    const wanted = new Set(
      desired.filter((each) => each.type === type).map(({ object }) => keyOf(object.metadata)),
    );
    return Array.from(observed(type))
      .filter((object) => isOwnedBy(fleet, object) && !wanted.has(keyOf(object.metadata)))
      .map((object) => ({ type, object }));
  });
}
