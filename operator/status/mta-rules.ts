/**
 * The conditions of an MTA: what every resource has (rules.ts), whether its pods do what they were asked to, and how they come and go
 * (life.ts). Each a list of rules: the first that has something to say decides. Pure.
 */
import { type ConditionType, conditionTypes, type Reason, reasons } from '../../crds/conditions.ts';
import type { ClaimObject, PodObject } from '../controllers/watched.ts';
import type { LifeState } from '../life/state.ts';
import { inOrder, type Verdicts } from './conditions.ts';
import type { FleetQueue } from './fleet-queue.ts';
import { lifeVerdicts } from './life.ts';
import {
  afterVolumes,
  beforeVolumes,
  isServing,
  type Trouble,
  troubleOf,
  troubleOfClaim,
} from './pod-trouble.ts';
import { conditionsOf, type Facts, type Verdict } from './rules.ts';

export interface FleetFacts extends Facts {
  readonly fleet: { readonly namespace: string; readonly name: string };
  /** Pods that were asked for. */
  readonly asked: number;
  /** Those of them that exist, in the order of their ordinals. */
  readonly pods: readonly PodObject[];
  /** For the queue. */
  readonly claims: readonly ClaimObject[];
  /** What the API server, or we ourselves, refused to make. */
  readonly refused: readonly Trouble[];
  /** Pods of the newest template, where others are still to be replaced. */
  readonly updated: number | undefined;
  /** Undefined while it is not known. */
  readonly queue: FleetQueue | undefined;
  /** What the status says of it now. */
  readonly queueBefore: Verdict | undefined;
  /** Of its TLSA records; undefined where nobody asks for any. */
  readonly dane: Verdict | undefined;
  /** Ms that a message may wait before it counts as old; undefined for ever. */
  readonly patienceMs: number | undefined;
  readonly isPaused: boolean;
  /** How its pods and volumes come and go; undefined before that has been looked at. */
  readonly life: LifeState | undefined;
  /** Ms since the epoch. */
  readonly now: number;
  /** What the cluster says of an object, such as why a claim has no volume. */
  readonly heardOf: (kind: string, name: string) => string | undefined;
}

type Rule = (facts: FleetFacts) => Trouble | undefined;

const serving = ({ pods }: FleetFacts): number => pods.filter(isServing).length;
const idle = ({ pods }: FleetFacts): PodObject[] => pods.filter((pod) => !isServing(pod));
const isShort = (facts: FleetFacts): boolean => serving(facts) < facts.asked;
const andMore = (others: readonly unknown[]): string =>
  others.length > 0 ? ` and ${others.length} more` : '';

function refusedObjects({ refused: [first, ...others] }: FleetFacts): Trouble | undefined {
  if (first === undefined) return undefined;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  return { ...first, message: `${first.message}${more}` };
}

/** What keeps a fleet from working although its MTA is accepted. */
export const trouble: readonly Rule[] = [
  ({ refusal }) =>
    refusal && {
      reason: reasons.ConfigRefused,
      message: `Pod ${refusal.pod} refuses revision ${refusal.revision} of the config, and goes on with the one before: ${refusal.reason}`,
    },
  refusedObjects,
  ({ asked }) =>
    asked === 0
      ? {
          reason: reasons.NoPods,
          message: 'No pod is asked for: set spec.replicas, or let an autoscaler do it',
        }
      : undefined,
  (facts) => (isShort(facts) ? troubleOf(idle(facts), beforeVolumes) : undefined),
  (facts) => {
    if (!isShort(facts)) return undefined;
    for (const claim of facts.claims) {
      const found = troubleOfClaim(claim, facts.heardOf('PersistentVolumeClaim', claim.metadata.name));
      if (found !== undefined) return found;
    }
    return undefined;
  },
  (facts) => (isShort(facts) ? troubleOf(idle(facts), afterVolumes) : undefined),
  ({ asked, pods, heardOf, fleet: { namespace, name } }) => {
    if (pods.length >= asked) return undefined;
    const why = heardOf('StatefulSet', name);
    return {
      reason: reasons.PodsMissing,
      message: `${pods.length} of ${asked} pods exist${why === undefined ? '' : `: ${why}`}: kubectl describe statefulset -n ${namespace} ${name} says more`,
    };
  },
  (facts) => {
    if (!isShort(facts)) return undefined;
    const [first, ...others] = idle(facts).map(({ metadata }) => metadata.name);
    return {
      reason: serving(facts) === 0 ? reasons.NoPods : reasons.PodsNotServing,
      message: `${serving(facts)} of ${facts.asked} pods serve; ${first}${andMore(others)} not: wait until it has started; kubectl describe pod -n ${facts.fleet.namespace} ${first} says what its readiness lacks`,
    };
  },
  ({ queue }) =>
    queue !== undefined && queue.full.length > 0
      ? { reason: reasons.QueueFull, message: fullMessage(queue) }
      : undefined,
];

const fullMessage = ({ full: [first, ...others] }: FleetQueue): string =>
  `The queue of pod ${first}${andMore(others)} is full, and new mail is answered 452: make its volume larger, or see in the log of the pods ("msg":"attempted") why mail doesn't leave`;

/** What keeps a fleet from having what it names: what was to bring that, such as a Certificate, could not be made. */
const unresolved: readonly Rule[] = [refusedObjects];

/** A person has to act: nothing comes of waiting. */
const STALLED = new Set<Reason>([
  ...[reasons.ConfigRefused, reasons.ObjectRefused, reasons.ConfigTooLarge, reasons.ImageNotPulled],
  ...[reasons.ObjectTaken, reasons.KindNotInstalled],
  ...[reasons.ContainerNotStarted, reasons.VolumeLost, reasons.QueueFull],
]);

type QueueRule = (facts: FleetFacts) => Verdict | undefined;

export const queueHealthy: readonly QueueRule[] = [
  ({ queue, pods }) =>
    queue === undefined && pods.length === 0
      ? { status: 'Unknown', reason: reasons.NoPods, message: 'There is no pod that could be asked' }
      : undefined,
  // An operator that has just begun knows less than the one before.
  ({ queue, queueBefore }) => (queue === undefined ? queueBefore : undefined),
  ({ queue }) =>
    queue === undefined
      ? { status: 'Unknown', reason: reasons.Pending, message: 'Not every pod has been asked yet' }
      : undefined,
  ({ queue }) =>
    queue!.damaged > 0
      ? {
          ...{ status: 'False', reason: reasons.QueueDamaged },
          message: `Pods have found ${queue!.damaged} damaged records or bodies; what could be read is served: look after the volume, then see in the log of the pods what is concerned (QueueDamaged in docs/errors.md)`,
        }
      : undefined,
  ({ queue }) =>
    queue!.full.length > 0
      ? { status: 'False', reason: reasons.QueueFull, message: fullMessage(queue!) }
      : undefined,
  ({ queue, patienceMs = Number.POSITIVE_INFINITY, now }) =>
    queue!.oldest !== undefined && now - queue!.oldest >= patienceMs
      ? {
          ...{ status: 'False', reason: reasons.OldMail },
          message: `The oldest message waits since ${timeOf(queue!.oldest)}: see in the log of the pods ("msg":"attempted") what its next hop answers; one that is held waits for a person`,
        }
      : undefined,
  ({
    queue: {
      silent: [first, ...others],
    } = { silent: [] as readonly string[] },
  }) =>
    first === undefined
      ? undefined
      : {
          ...{ status: 'Unknown', reason: reasons.PodUnreachable },
          message: `Pod ${first}${andMore(others)} can't be asked on the control port: see that it runs, and that the network lets the operator reach it`,
        },
  () => ({ status: 'True', reason: reasons.QueueHealthy, message: 'No mail waits too long' }),
];

/** RFC 3339, without a fraction. */
export const timeOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** When a message that is there now counts as old, in ms from now; undefined where none will. */
export function untilOld({ queue, patienceMs, now }: Pick<FleetFacts, 'queue' | 'patienceMs' | 'now'>) {
  if (queue?.oldest === undefined || patienceMs === undefined) return undefined;
  const left = queue.oldest + patienceMs - now;
  return left > 0 ? left : undefined;
}

export function mtaConditionsOf(facts: FleetFacts): Verdicts {
  const verdicts = new Map(conditionsOf(facts));
  const is = (type: ConditionType) => verdicts.get(type)?.status === 'True';
  const isEnding = facts.life?.ending !== undefined;
  const rules = is(conditionTypes.ResolvedRefs) ? trouble : unresolved;
  const wrong = is(conditionTypes.Accepted) && !isEnding ? first(rules, facts) : undefined;
  if (wrong !== undefined || isEnding) {
    verdicts.delete(conditionTypes.Reconciling);
    verdicts.delete(conditionTypes.Stalled);
  }
  if (wrong !== undefined) {
    verdicts.set(conditionTypes.Ready, { status: 'False', ...wrong });
    const isOver = STALLED.has(wrong.reason) || facts.asked === 0;
    verdicts.set(isOver ? conditionTypes.Stalled : conditionTypes.Reconciling, { status: 'True', ...wrong });
  } else if (facts.updated !== undefined && verdicts.get(conditionTypes.Ready)?.status === 'True') {
    verdicts.set(conditionTypes.Reconciling, {
      ...{ status: 'True', reason: reasons.RollingOut },
      message: `${facts.updated} of ${facts.asked} pods are of the newest template; the others are replaced one after the other`,
    });
  }
  verdicts.set(conditionTypes.QueueHealthy, first(queueHealthy, facts)!);
  if (facts.dane !== undefined) verdicts.set(conditionTypes.DANEReady, facts.dane);
  if (facts.isPaused) verdicts.set(conditionTypes.Paused, PAUSED);
  const life = facts.life === undefined ? [] : lifeVerdicts(facts.life, facts.fleet);
  return inOrder(new Map([...verdicts, ...life]));
}

export const PAUSED: Verdict = {
  ...{ status: 'True', reason: reasons.Paused },
  message:
    'The annotation postrider.dev/paused is there: pods serve on, and the operator changes nothing until it is taken away',
};

function first<T>(
  rules: readonly ((facts: FleetFacts) => T | undefined)[],
  facts: FleetFacts,
): T | undefined {
  for (const rule of rules) {
    const said = rule(facts);
    if (said !== undefined) return said;
  }
  return undefined;
}
