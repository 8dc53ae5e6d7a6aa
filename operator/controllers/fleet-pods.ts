/** The pods of a fleet, as the parts of its controller want to see them. Pure. */
import type { SeenPod } from '../life/facts.ts';
import type { LifePlan } from '../life/plan.ts';
import { type Fleet, names, POD_PORTS } from '../objects/fleet.ts';
import type { PodReport } from '../pods/config-push.ts';
import type { PodAddress } from '../pods/control-client.ts';
import type { Drains, Wish } from '../pods/drains.ts';
import type { PodObject } from './watched.ts';

export const seenPods = (pods: readonly PodObject[], drains: Drains): SeenPod[] =>
  pods.map(({ metadata: { name }, status }) => ({
    name,
    isPlaced: status?.podIP !== undefined && !['Succeeded', 'Failed'].includes(status.phase ?? ''),
    isSilent: drains.isSilent(name),
    report: drains.report(name),
  }));

/** Pods of an MTA that ends are asked for no more than what they leave behind. */
export const wishesOf = (fleet: Fleet, { leaving }: LifePlan, pods: readonly PodAddress[]) =>
  pods.flatMap((pod): { pod: PodAddress; wish: Wish }[] => {
    const claim = [...leaving].find(([ordinal]) => names.pod(fleet, ordinal) === pod.name)?.[1];
    const wish = claim ?? (fleet.isEnding ? undefined : 'serve');
    return wish === undefined ? [] : [{ pod, wish }];
  });

export function podAddress({ metadata, status }: PodObject): PodAddress | undefined {
  return status?.podIP === undefined
    ? undefined
    : { name: metadata.name, host: status.podIP, port: POD_PORTS.control };
}

/** Highest revision that is another operator's. */
export const taken = (reports: ReadonlyMap<string, PodReport>): number =>
  Math.max(0, ...Array.from(reports.values(), ({ revision, isForeign }) => (isForeign ? revision : 0)));
