/**
 * From two sets of conditions, before and after, to what is worth an event: that something has gone wrong, and that it is well again. An
 * event for each step on the way would be five thousand of them when an operator starts. Pure.
 */
import { type ConditionType, conditionTypes, type Reason, reasons } from '../../crds/conditions.ts';
import type { Condition } from '../status/conditions.ts';

export interface EventDraft {
  readonly type: 'Normal' | 'Warning';
  readonly reason: Reason;
  /** What was decided: the type of the condition. */
  readonly action: ConditionType;
  readonly note: string;
}

type Seen = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export interface Transitions {
  readonly events: readonly EventDraft[];
  /** Whether something is wrong that an event has told of: its end is told, too. */
  readonly isTroubled: boolean;
}

/** Consequences of something that is told elsewhere, and what passes by itself. */
const QUIET = new Set<Reason>([
  ...[reasons.Pending, reasons.NotAccepted, reasons.NotResolved, reasons.NoPods],
  ...[reasons.PodsNotServing, reasons.PodsMissing, reasons.Draining],
]);

/** In this order: `Ready` repeats the reason of what keeps it from being so, and is no news then. */
const TOLD = [
  ...[conditionTypes.Accepted, conditionTypes.ResolvedRefs, conditionTypes.Programmed],
  ...[conditionTypes.Scaled, conditionTypes.QueueHealthy, conditionTypes.DANEReady, conditionTypes.Ready],
];

/** Their end is told, too. */
const PASSING = [
  ...[conditionTypes.Scaled, conditionTypes.QueueHealthy, conditionTypes.DANEReady, conditionTypes.Ready],
];

/** @param wasTroubled what this said of the object the last time; false where that isn't known */
export function transitions(
  kind: string,
  before: readonly Seen[],
  after: readonly Seen[],
  wasTroubled: boolean,
): Transitions {
  const events: EventDraft[] = [];
  const wrong = new Set<Reason>();
  for (const type of TOLD) {
    const is = after.find((each) => each.type === type);
    const was = before.find((each) => each.type === type);
    if (is?.status !== 'False' || !isWorthIt(kind, was, is) || wrong.has(is.reason)) continue;
    wrong.add(is.reason);
    if (was?.status === 'False' && was.reason === is.reason) continue;
    events.push({ type: 'Warning', reason: is.reason, action: type, note: is.message });
  }
  for (const type of PASSING) {
    const is = after.find((each) => each.type === type);
    const was = before.find((each) => each.type === type);
    const isAgain = is?.status === 'True' && was !== undefined && was.status !== 'True';
    const isNews =
      type === conditionTypes.Ready ? wasTroubled : was?.status === 'False' && !QUIET.has(was.reason);
    if (isAgain && isNews) events.push({ type: 'Normal', reason: is.reason, action: type, note: is.message });
  }
  const paused = pausing(before, after);
  if (paused !== undefined) events.push(paused);
  const isReady = after.find(({ type }) => type === conditionTypes.Ready)?.status === 'True';
  return { events, isTroubled: !isReady && (wasTroubled || wrong.size > 0) };
}

/** That no pod of a fleet serves any more is news of the MTA, not of each of its resources. */
function isWorthIt(kind: string, was: Seen | undefined, is: Seen): boolean {
  if (!QUIET.has(is.reason)) return true;
  if (kind !== 'MTA' || is.type !== conditionTypes.Ready || is.reason !== reasons.NoPods) return false;
  return was?.status === 'True' || was?.reason === is.reason;
}

function pausing(before: readonly Seen[], after: readonly Seen[]): EventDraft | undefined {
  const [was, is] = [before, after].map((all) => all.find(({ type }) => type === conditionTypes.Paused));
  if ((was === undefined) === (is === undefined)) return undefined;
  const note = is?.message ?? 'The annotation postrider.dev/paused was taken away: the operator goes on';
  return { type: 'Normal', reason: reasons.Paused, action: conditionTypes.Paused, note };
}
