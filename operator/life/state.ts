/** What statuses say of a fleet's life. Pure. */
import { type Fleet, names } from '../objects/fleet.ts';
import type { LeavingReport, LifePlan } from './plan.ts';

export interface LifeState {
  /** What becomes of the mail, where the MTA is being deleted. */
  readonly ending: Fleet['spec']['deletionPolicy'] | undefined;
  /** Pods that leave, with what they say of that; undefined where they have not been heard. */
  readonly leaving: readonly { readonly pod: string; readonly report: LeavingReport | undefined }[];
  /** Names of volumes without a pod. */
  readonly orphans: readonly string[];
}

export function lifeState(
  fleet: Fleet,
  { leaving, orphans }: LifePlan,
  reportOf: (pod: string) => LeavingReport | undefined,
): LifeState {
  return {
    ending: fleet.isEnding === true ? fleet.spec.deletionPolicy : undefined,
    leaving: Array.from(leaving.keys(), (ordinal) => {
      const pod = names.pod(fleet, ordinal);
      return { pod, report: reportOf(pod) };
    }),
    orphans,
  };
}
