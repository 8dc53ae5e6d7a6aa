/**
 * Which pods a fleet has, which of them are to leave, and which volumes may go. A pod that is one too many leaves: it is asked to, and it
 * goes when it has proven that nothing is left with it. A volume goes when its pod has gone, after that proof. Pure.
 *
 * A volume with a proof has the pod's own mark that it is being emptied: a pod that comes back to it takes nothing until it is told to serve,
 * and before that the proof is taken away (operator/controllers/fleet-life.ts). So what is proven stays so, however old the sight of
 * pods and volumes is that a plan is made from, as long as a volume is deleted only as it was seen.
 *
 * StatefulSets take the pod with the highest ordinal away first; one with a lower ordinal that is empty sooner waits at rest.
 */
import type { MtaSpec } from '../../crds/mta.ts';

/** What a pod is to prove before it goes; mta/control/drain-types.ts explains the two. */
export type Claim = 'empty' | 'released';

/** What a pod says of its leaving. */
export interface LeavingReport {
  readonly state: 'draining' | 'drained';
  readonly claim: Claim;
  /** Messages that are still with it. */
  readonly messages: number;
  /** Digest of the proof; of one that is drained. */
  readonly proof: string | undefined;
  /** What keeps it, with what to do. */
  readonly problems: readonly string[];
}

export interface PodFacts {
  readonly ordinal: number;
  /** It has an address: its processes may run. */
  readonly isPlaced: boolean;
  /** It has not answered for a while. */
  readonly isSilent: boolean;
  /** Undefined where it has not been heard since it is to leave. */
  readonly report: LeavingReport | undefined;
}

/** A volume for one pod (PerReplica), or for all of them (Shared: ordinal undefined). */
export interface VolumeFacts {
  readonly name: string;
  readonly ordinal: number | undefined;
  /** No pod has ever had it: it has not been bound. */
  readonly isUnused: boolean;
  /** Digest of the proof that it was empty, when its pods left for good. */
  readonly proof: string | undefined;
}

export interface LifeFacts {
  readonly mode: MtaSpec['storage']['mode'];
  /** Pods that are asked for. */
  readonly desired: number;
  /** What is to become of the mail, where the MTA is being deleted. */
  readonly ending: MtaSpec['deletionPolicy'] | undefined;
  /** Of the StatefulSet; 0 where there is none. */
  readonly replicas: number;
  readonly pods: readonly PodFacts[];
  readonly volumes: readonly VolumeFacts[];
}

export interface LifePlan {
  /** Of the StatefulSet. */
  readonly replicas: number;
  /** What the pods that leave are to prove, by ordinal. */
  readonly leaving: ReadonlyMap<number, Claim>;
  /** Volumes that are to carry this proof, before the StatefulSet shrinks. */
  readonly proven: ReadonlyMap<string, string>;
  /** Volumes to be deleted. */
  readonly removed: readonly string[];
  /** Volumes whose pod is brought back so that it hands over what may be there. */
  readonly orphans: readonly string[];
  /** Nothing is left of an MTA that is being deleted but its objects. */
  readonly isOver: boolean;
}

export function planLife(facts: LifeFacts): LifePlan {
  switch (facts.ending) {
    case undefined:
      return scaled(facts);
    case 'Deliver':
      return emptied(facts);
    case 'KeepVolumes':
      return stopped(facts, []);
    case 'Discard':
      return stopped(
        facts,
        facts.volumes.map(({ name }) => name),
      );
  }
}

function scaled(facts: LifeFacts): LifePlan {
  const { mode, desired, replicas, pods, volumes } = facts;
  const claim: Claim = mode === 'Shared' ? 'released' : 'empty';
  const isLeft = (ordinal: number): boolean =>
    mode === 'Shared' ? isReleased(podAt(pods, ordinal)) : isEmpty(facts, ordinal);
  const tooMany = [...new Set([...range(desired, replicas), ...ordinalsOf(pods, volumes)])].filter(
    (ordinal) => ordinal >= desired,
  );
  const staying = tooMany.filter((ordinal) => !isLeft(ordinal));
  const next = Math.max(desired, ...staying.map((ordinal) => ordinal + 1));
  return {
    replicas: next,
    // Also those that are on their way out: one that was told to serve would take mail, and its proof would be gone.
    leaving: new Map(
      range(desired, Math.max(next, replicas, ...pods.map(after))).map((ordinal) => [ordinal, claim]),
    ),
    proven: proofs(facts, (ordinal) => ordinal >= next),
    removed: volumes.filter((volume) => mayGo(facts, volume, next)).map(nameOf),
    orphans: volumes
      .filter((volume) => staying.includes(volume.ordinal ?? -1) && isOrphan(facts, volume))
      .map(nameOf),
    isOver: false,
  };
}

/** All that the pods have is delivered, then everything goes. */
function emptied(facts: LifeFacts): LifePlan {
  const { mode, replicas, pods, volumes } = facts;
  const isDone =
    mode === 'Shared'
      ? volumes.every((volume) => isSharedEmpty(facts, volume)) &&
        (volumes.length > 0 || !pods.some(({ isPlaced }) => isPlaced))
      : ordinalsOf(pods, volumes).every((ordinal) => isEmpty(facts, ordinal));
  if (isDone) {
    const gone = stopped(
      facts,
      volumes.map(({ name }) => name),
    );
    return { ...gone, proven: proofs(facts, () => true), leaving: allOf(replicas) };
  }
  const toEmpty = volumes.filter((volume) => volume.proof === undefined && !volume.isUnused);
  const next = Math.max(replicas, ...toEmpty.map(({ ordinal = 0 }) => ordinal + 1));
  return { ...NOTHING, replicas: next, leaving: allOf(next) };
}

const allOf = (replicas: number): Map<number, Claim> =>
  new Map(range(0, replicas).map((ordinal) => [ordinal, 'empty']));

/** The pods stop in order; these volumes go with them. */
function stopped({ replicas, pods }: LifeFacts, removed: readonly string[]): LifePlan {
  const areGone = replicas === 0 && pods.length === 0;
  return { ...NOTHING, removed: areGone ? removed : [], isOver: areGone };
}

const NOTHING: LifePlan = {
  ...{ replicas: 0, leaving: new Map(), proven: new Map(), removed: [], orphans: [] },
  isOver: false,
};

/**
 * In a folder that all share nothing of a pod's is lost with it: one that doesn't run, or doesn't answer, is not waited for. The others
 * have its lanes after a term.
 */
function isReleased(pod: PodFacts | undefined): boolean {
  if (pod === undefined || !pod.isPlaced || pod.isSilent) return true;
  return pod.report?.state === 'drained';
}

/** Nothing is on the volume of this pod, and nothing will be. */
function isEmpty({ pods, volumes }: LifeFacts, ordinal: number): boolean {
  const pod = podAt(pods, ordinal);
  const volume = volumes.find((each) => each.ordinal === ordinal);
  if (volume === undefined) return pod === undefined;
  if (volume.isUnused) return pod === undefined || !pod.isPlaced;
  // One that ends says nothing any more; what it has proven stays so until it is told to serve.
  if (pod?.report === undefined) return volume.proof !== undefined;
  return proofOf(pod) !== undefined;
}

/** One pod that rests has seen that nobody has anything there; all that run rest. */
function isSharedEmpty({ pods }: LifeFacts, { proof, isUnused }: VolumeFacts): boolean {
  const placed = pods.filter(({ isPlaced }) => isPlaced);
  if (placed.length === 0) return proof !== undefined || isUnused;
  return placed.every((pod) => proofOf(pod) !== undefined);
}

/** Of emptiness. */
function proofOf({ report }: PodFacts): string | undefined {
  return report?.state === 'drained' && report.claim === 'empty' ? report.proof : undefined;
}

/** Of the volumes whose pods are about to go. */
function proofs({ pods, volumes }: LifeFacts, isGoing: (ordinal: number) => boolean): Map<string, string> {
  return new Map(
    volumes.flatMap(({ name, ordinal, proof: carried }): [string, string][] => {
      if (!isGoing(ordinal ?? 0)) return [];
      const its = pods.filter((pod) => ordinal === undefined || pod.ordinal === ordinal);
      const proof = its.map(proofOf).find((each) => each !== undefined);
      return proof === undefined || proof === carried ? [] : [[name, proof]];
    }),
  );
}

/** In the order of things: the proof was written down, the StatefulSet was shrunk, the pod has gone. */
function mayGo({ replicas, pods }: LifeFacts, volume: VolumeFacts, next: number): boolean {
  const { ordinal, proof, isUnused } = volume;
  if (ordinal === undefined || ordinal < Math.max(next, replicas) || podAt(pods, ordinal)) return false;
  return proof !== undefined || isUnused;
}

const isOrphan = ({ pods }: LifeFacts, { ordinal = -1, proof, isUnused }: VolumeFacts): boolean =>
  podAt(pods, ordinal) === undefined && proof === undefined && !isUnused;

const after = ({ ordinal }: PodFacts): number => ordinal + 1;
const nameOf = ({ name }: VolumeFacts): string => name;
const podAt = (pods: readonly PodFacts[], ordinal: number): PodFacts | undefined =>
  pods.find((pod) => pod.ordinal === ordinal);
const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
const ordinalsOf = (pods: readonly PodFacts[], volumes: readonly VolumeFacts[]): number[] => [
  ...pods.map(({ ordinal }) => ordinal),
  ...volumes.flatMap(({ ordinal }) => ordinal ?? []),
];
