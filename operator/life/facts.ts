/** From objects and from what pods say to the facts that a plan is made of. Pure. */
import type { KubeObject } from '../kube/resource.ts';
import { type Fleet, names } from '../objects/fleet.ts';
import type { LeavingReport, LifeFacts, VolumeFacts } from './plan.ts';

/** On a volume: digest of the proof that it is empty, as its last pod has left for good; or since when it is in use again. */
export const PROOF = 'postrider.dev/empty';

export interface VolumeClaimObject extends KubeObject {
  readonly spec?: { readonly volumeName?: string };
  readonly status?: { readonly phase?: string };
}

/** What matters of a pod. */
export interface SeenPod {
  readonly name: string;
  readonly isPlaced: boolean;
  readonly isSilent: boolean;
  readonly report: LeavingReport | undefined;
}

export interface Seen {
  /** Of the StatefulSet; 0 where there is none. */
  readonly replicas: number;
  readonly pods: readonly SeenPod[];
  /** All that are the operator's, of whatever fleet. */
  readonly claims: Iterable<VolumeClaimObject>;
}

export function factsOf(fleet: Fleet, { replicas, pods, claims }: Seen): LifeFacts {
  const { spec, isEnding } = fleet;
  return {
    mode: spec.storage.mode,
    desired: spec.replicas,
    ending: isEnding === true ? spec.deletionPolicy : undefined,
    replicas,
    pods: pods.flatMap(({ name, ...facts }) => {
      const ordinal = ordinalIn(name, names.pod(fleet, 0));
      return ordinal === undefined ? [] : [{ ordinal, ...facts }];
    }),
    volumes: Array.from(claims).flatMap((claim) => volumeOf(fleet, claim) ?? []),
  };
}

function volumeOf(fleet: Fleet, { metadata, spec, status }: VolumeClaimObject): VolumeFacts | undefined {
  if (metadata.namespace !== fleet.namespace) return undefined;
  const isShared = fleet.spec.storage.mode === 'Shared';
  const ordinal = isShared ? undefined : ordinalIn(metadata.name, names.queueOf(fleet, 0));
  if (isShared ? metadata.name !== names.queue(fleet) : ordinal === undefined) return undefined;
  return {
    ...{ name: metadata.name, ordinal, proof: proofIn(metadata.annotations?.[PROOF]) },
    isUnused: spec?.volumeName === undefined && (status?.phase ?? 'Pending') === 'Pending',
  };
}

/** Of a pod, in mode PerReplica. */
export const claimOf = (fleet: Fleet, pod: string): string =>
  names.queueOf(fleet, ordinalIn(pod, names.pod(fleet, 0)) ?? 0);

export const proofIn = (annotation: string | undefined): string | undefined =>
  annotation?.startsWith('sha256:') === true ? annotation : undefined;

/** @param first the name that the one with ordinal 0 has */
function ordinalIn(name: string, first: string): number | undefined {
  const stem = first.slice(0, -1);
  const ordinal = name.startsWith(stem) ? name.slice(stem.length) : '';
  return /^(0|[1-9]\d{0,5})$/.test(ordinal) ? Number(ordinal) : undefined;
}
