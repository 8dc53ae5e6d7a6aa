/**
 * The conditions of a resource in one fleet, each a list of rules: the first that has something to say decides. Pure.
 * crds/conditions.ts explains the reasons.
 */
import { type ConditionType, conditionTypes, type Reason, reasons } from '../../crds/conditions.ts';
import type { Diagnostic } from '../compile/types.ts';
import type { Fragment } from './fragments.ts';

/** What is known of a resource and of the fleet's pods. */
export interface Facts {
  /** What compile found about it. */
  readonly findings: readonly Diagnostic[];
  /** What the config has of it; undefined where it is no part of that. */
  readonly fragment: Fragment | undefined;
  /** Lowest revision that serving pods have loaded; undefined where none serves. */
  readonly loaded: number | undefined;
  /** A pod that refuses the newest config, if there is one. */
  readonly refusal: { readonly pod: string; readonly revision: number; readonly reason: string } | undefined;
}

export interface Verdict {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  readonly message: string;
}

type Rule = (facts: Facts) => Verdict | undefined;

const no = (reason: Reason, message: string): Verdict => ({ status: 'False', reason, message });
const yes = (reason: Reason, message: string): Verdict => ({ status: 'True', reason, message });
const perhaps = (reason: Reason, message: string): Verdict => ({ status: 'Unknown', reason, message });

/** What compile says of one condition. Of several refusals the first stands for all, and says how many there are. */
const found =
  (condition: Diagnostic['condition'], status: Verdict['status']): Rule =>
  ({ findings }) => {
    const [first, ...others] = findings.filter(
      (each) => each.condition === condition && each.status === status,
    );
    if (first === undefined) return undefined;
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    return { status, reason: first.reason as Reason, message: `${first.message}${more}` };
  };

const isRefused = (facts: Facts): boolean => found('Accepted', 'False')(facts) !== undefined;

export const accepted: readonly Rule[] = [
  found('Accepted', 'False'),
  found('Accepted', 'True'),
  () => perhaps(reasons.Pending, 'It has not been looked at yet'),
];

export const resolvedRefs: readonly Rule[] = [
  found('ResolvedRefs', 'False'),
  found('ResolvedRefs', 'True'),
  (facts) =>
    isRefused(facts) ? perhaps(reasons.NotAccepted, 'It is not accepted: see Accepted') : undefined,
  () => perhaps(reasons.Pending, 'It has not been looked at yet'),
];

export const programmed: readonly Rule[] = [
  (facts) =>
    isRefused(facts) ? no(reasons.NotAccepted, 'It is no part of the config: see Accepted') : undefined,
  ({ fragment, findings }) =>
    fragment === undefined && findings.some(({ status }) => status === 'False')
      ? no(
          reasons.NotResolved,
          'It is no part of the config until what it refers to is there: see ResolvedRefs',
        )
      : undefined,
  ({ fragment }) =>
    fragment === undefined ? no(reasons.Pending, 'It is no part of a config yet') : undefined,
  ({ fragment, loaded }) =>
    loaded !== undefined && loaded >= fragment!.revision
      ? yes(reasons.Programmed, 'Every serving pod has loaded it')
      : undefined,
  ({ fragment, refusal }) =>
    refusal !== undefined && refusal.revision >= fragment!.revision
      ? no(
          reasons.ConfigRefused,
          `Pod ${refusal.pod} refuses revision ${refusal.revision} of the config, and goes on with the one before: ${refusal.reason}`,
        )
      : undefined,
  ({ loaded }) =>
    loaded === undefined ? no(reasons.NoPods, 'No pod of the fleet serves: see the MTA') : undefined,
  ({ fragment }) =>
    no(reasons.Pending, `Not every serving pod has loaded revision ${fragment!.revision} of the config yet`),
];

const decide = (rules: readonly Rule[], facts: Facts): Verdict => {
  for (const rule of rules) {
    const verdict = rule(facts);
    if (verdict !== undefined) return verdict;
  }
  throw new Error('the last rule of a condition always decides');
};

/** Nothing mends itself: a person has to act. */
const STALLED = new Set<Reason>([reasons.ConfigRefused]);

/** All conditions, in the order in which they are shown. `Reconciling` and `Stalled` are there only while they are True (kstatus). */
export function conditionsOf(facts: Facts): ReadonlyMap<ConditionType, Verdict> {
  const verdicts = new Map<ConditionType, Verdict>([
    [conditionTypes.Accepted, decide(accepted, facts)],
    [conditionTypes.ResolvedRefs, decide(resolvedRefs, facts)],
    [conditionTypes.Programmed, decide(programmed, facts)],
  ]);
  const lacking = [...verdicts].find(([, { status }]) => status !== 'True');
  if (lacking === undefined) {
    verdicts.set(
      conditionTypes.Ready,
      yes(reasons.Ready, 'It is accepted, and every serving pod has loaded it'),
    );
    return verdicts;
  }
  const [type, { status, reason, message }] = lacking;
  verdicts.set(conditionTypes.Ready, { status: status === 'True' ? 'False' : status, reason, message });
  const isStalled = type !== conditionTypes.Programmed ? status === 'False' : STALLED.has(reason);
  verdicts.set(isStalled ? conditionTypes.Stalled : conditionTypes.Reconciling, yes(reason, message));
  return verdicts;
}
