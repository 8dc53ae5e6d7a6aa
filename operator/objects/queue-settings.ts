/**
 * Settings of the queue, which a process takes at its start alone (mta/supervise/change.ts). They are in the template of the pods, so that a
 * change of them replaces the pods, one after the other, and says why in `kubectl rollout history`. Pure.
 */
import type { ObjectMeta } from '../kube/resource.ts';
import type { Fleet } from './fleet.ts';

const ANNOTATION = 'postrider.dev/queue-settings';

/** Annotations of the template. */
export function queueSettings({ spec: { storage } }: Fleet): Record<string, string> {
  const { leaseTerm, inlineMessageSize, segmentSize, minFree } = storage;
  const settings = Object.entries({ leaseTerm, inlineMessageSize, segmentSize, minFree });
  return { [ANNOTATION]: settings.map(([name, value]) => `${name}=${value}`).join(' ') };
}

/**
 * Whether a pod is to be replaced for them: what it says of a config that has others means nothing.
 *
 * @param template metadata of the template that there is now; undefined where there is none
 */
export function isToBeReplaced(
  { annotations }: ObjectMeta,
  template: Pick<ObjectMeta, 'annotations'> | undefined,
): boolean {
  const [is, wanted] = [annotations?.[ANNOTATION], template?.annotations?.[ANNOTATION]];
  return is !== undefined && wanted !== undefined && is !== wanted;
}
