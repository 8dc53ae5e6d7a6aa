/** From verdicts to the conditions of a status, as the API conventions have them. Pure. */
import { type ConditionType, conditionTypes } from '../../crds/conditions.ts';
import type { Verdict } from './rules.ts';

export interface Condition extends Verdict {
  readonly type: ConditionType;
  readonly observedGeneration: number;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
}

export type Verdicts = ReadonlyMap<ConditionType, Verdict>;

/**
 * @param before what the status shows now: a condition whose status stays keeps its time
 * @param now RFC 3339
 */
export function conditionsFrom(
  verdicts: Verdicts,
  generation: number,
  before: readonly Pick<Condition, 'type' | 'status' | 'lastTransitionTime'>[],
  now: string,
): Condition[] {
  return [...verdicts].map(([type, { status, reason, message }]) => {
    const old = before.find((each) => each.type === type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : now;
    return { type, status, observedGeneration: generation, lastTransitionTime, reason, message };
  });
}

const ORDER = Object.values(conditionTypes);
/** They say of a resource that something is amiss, where the others say that all is well. */
const NEGATIVE = new Set<ConditionType>([conditionTypes.Reconciling, conditionTypes.Stalled]);

/**
 * Of several fleets together: what is amiss in any of them is amiss; what is well in all of them is well.
 *
 * @param fleets by `namespace/name`, one at least
 */
export function sumOf(fleets: ReadonlyMap<string, Verdicts>): Verdicts {
  const sum = new Map<ConditionType, Verdict>();
  const isOne = fleets.size === 1;
  for (const type of ORDER) {
    const all = [...fleets].flatMap(([fleet, verdicts]) => {
      const verdict = verdicts.get(type);
      return verdict === undefined ? [] : [{ fleet, verdict }];
    });
    const order = NEGATIVE.has(type) ? ['True'] : ['False', 'Unknown', 'True'];
    const worst = order.map((status) => all.find(({ verdict }) => verdict.status === status)).find(Boolean);
    if (worst === undefined) continue;
    const { fleet, verdict } = worst;
    const isWell = !NEGATIVE.has(type) && verdict.status === 'True';
    sum.set(type, isOne || isWell ? verdict : { ...verdict, message: `${fleet}: ${verdict.message}` });
  }
  return sum;
}
