/** From verdicts to the conditions of a status, as the API conventions have them. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { type ConditionType, conditionTypes, type Reason, reasons } from '../../crds/conditions.ts';
import type { Verdict } from './rules.ts';

export interface Condition extends Verdict {
  readonly type: ConditionType;
  readonly observedGeneration: number;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
}

export type Verdicts = ReadonlyMap<ConditionType, Verdict>;

const ORDER = Object.values(conditionTypes);

/** As they are shown. */
export const inOrder = (verdicts: Verdicts): Verdicts =>
  new Map(
    ORDER.flatMap((type) => {
      const verdict = verdicts.get(type);
      return verdict === undefined ? [] : [[type, verdict] as const];
    }),
  );

/** Whether two statuses say the same: the API server has an order of its own for conditions. */
export const isSameStatus = (one: object | undefined, other: object | undefined): boolean =>
  isDeepStrictEqual(one, other) || isDeepStrictEqual(sorted(one), sorted(other));

type Sortable = { readonly conditions?: readonly Condition[]; readonly fleets?: readonly Sortable[] };

function sorted(status: Sortable | undefined): unknown {
  const { conditions, fleets, ...rest } = status ?? {};
  return {
    ...rest,
    conditions: conditions?.toSorted((one, other) => (one.type < other.type ? -1 : 1)),
    fleets: fleets?.map(sorted),
  };
}

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

/** Pods have nothing of the resource. */
const ABSENT = new Set<Reason>([reasons.NotAccepted, reasons.NotResolved, reasons.MTANotFound]);

/**
 * What every serving pod has loaded, as far as is known: a generation, or what goes by it.
 *
 * @param now what is so once it is programmed
 * @param before what the status shows now
 */
export function programmedIn<T>(verdicts: Verdicts, now: T, before: T | undefined): T | undefined {
  const programmed = verdicts.get(conditionTypes.Programmed);
  if (programmed?.status === 'True') return now;
  return programmed === undefined || ABSENT.has(programmed.reason) ? undefined : before;
}

/** They say of a resource that something is amiss, where the others say that all is well. */
const NEGATIVE = new Set<ConditionType>([conditionTypes.Reconciling, conditionTypes.Stalled]);

/**
 * Of several fleets together: what is amiss in any of them is amiss; what is well in all of them is well.
 *
 * @param fleets by `namespace/name`, one at least
 */
export function sumOf(fleets: ReadonlyMap<string, Verdicts>): Verdicts {
  // The common case, and of five thousand resources.
  const [only, ...others] = fleets.values();
  if (only !== undefined && others.length === 0) return only;
  const sum = new Map<ConditionType, Verdict>();
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
    sum.set(type, isWell ? verdict : { ...verdict, message: `${fleet}: ${verdict.message}` });
  }
  return sum;
}
