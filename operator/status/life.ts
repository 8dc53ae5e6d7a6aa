/** The conditions of an MTA that say how its pods and volumes come and go. Pure. crds/conditions.ts explains the reasons. */
import { type ConditionType, conditionTypes, type Reason, reasons } from '../../crds/conditions.ts';
import type { LifeState } from '../life/state.ts';
import type { Verdict } from './rules.ts';

/** @param mta for a command that a person can copy */
export function lifeVerdicts(
  life: LifeState,
  mta: { readonly namespace: string; readonly name: string },
): ReadonlyMap<ConditionType, Verdict> {
  const scaled = scaledOf(life);
  const verdicts = new Map<ConditionType, Verdict>([[conditionTypes.Scaled, scaled]]);
  if (life.ending !== undefined) {
    const { reason } = scaled;
    const message = `${endingText(life, mta)}${reason === reasons.DrainBlocked ? ` ${scaled.message}` : ''}`;
    verdicts.set(conditionTypes.Ready, { status: 'False', reason: reasons.Terminating, message });
  }
  if (scaled.status !== 'True') {
    const isStalled = scaled.reason === reasons.DrainBlocked;
    verdicts.set(isStalled ? conditionTypes.Stalled : conditionTypes.Reconciling, {
      ...scaled,
      status: 'True',
    });
  }
  return verdicts;
}

function scaledOf({ leaving, orphans }: LifeState): Verdict {
  const no = (reason: Reason, message: string): Verdict => ({ status: 'False', reason, message });
  const blocked = leaving.find(({ report }) => report?.state === 'draining' && report.problems.length > 0);
  if (blocked !== undefined) {
    const { messages, problems } = blocked.report!;
    return no(
      reasons.DrainBlocked,
      `Pod ${blocked.pod} can't leave, and keeps ${countOf(messages)}: ${problems.join(' ')} See docs/drain.md`,
    );
  }
  if (orphans.length > 0) {
    return no(
      reasons.VolumeOrphaned,
      `Volume ${orphans.join(', ')} has no pod, and there may be mail on it: its pod is brought back to hand that over`,
    );
  }
  const under = leaving.filter(({ report }) => report?.state !== 'drained');
  if (under.length > 0) {
    return no(
      reasons.Draining,
      `Pods that are too many give their mail away: ${under.map(({ pod }) => pod).join(', ')}, with ${amountOf(under)} left`,
    );
  }
  return { status: 'True', reason: reasons.Scaled, message: 'There are as many pods as are asked for' };
}

function endingText(
  { ending, leaving }: LifeState,
  { namespace, name }: { namespace: string; name: string },
): string {
  if (ending !== 'Deliver') return 'The MTA is being deleted: its pods stop.';
  const insist = (policy: string) =>
    `kubectl patch mta ${name} -n ${namespace} --type merge -p '{"spec":{"deletionPolicy":"${policy}"}}'`;
  return `The MTA is being deleted. It takes no new mail, and ends when what it holds is delivered or has bounced: ${amountOf(leaving)}. To end it now and keep the volumes with the mail: ${insist('KeepVolumes')}; "Discard" in its place deletes the mail.`;
}

function amountOf(leaving: LifeState['leaving']): string {
  const known = leaving.flatMap(({ report }) => report ?? []);
  const silent = leaving.length - known.length;
  const count = countOf(known.reduce((sum, { messages }) => sum + messages, 0));
  if (silent === 0) return count;
  return known.length === 0
    ? 'nobody knows yet how much'
    : `${count}, and what ${silent} of the pods have not told yet`;
}

const countOf = (messages: number): string => (messages === 1 ? '1 message' : `${messages} messages`);
