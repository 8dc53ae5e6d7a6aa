/**
 * Why a pod doesn't serve, from what the kubelet and the scheduler say of it. Messages stay as they are while the same is wrong: no
 * counts, no times, nothing that differs between two tries. Pure.
 */
import { type Reason, reasons } from '../../crds/conditions.ts';
import type { ClaimObject, ContainerState, ContainerStatus, PodObject } from '../controllers/watched.ts';

export interface Trouble {
  readonly reason: Reason;
  /** What is the case, and what to do. */
  readonly message: string;
}

/** It is ready, and is not about to go. */
export const isServing = ({ metadata, status }: PodObject): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false);

type PodRule = (pod: PodObject) => Trouble | undefined;

/** Much more is no message, but a log. */
const LONGEST = 600;
const shortened = (text: string): string => (text.length > LONGEST ? `…${text.slice(-LONGEST)}` : text);

const commandFor = (what: string, { metadata: { namespace, name } }: PodObject, more = ''): string =>
  `kubectl ${what} -n ${namespace} ${name}${more}`;

/** The first container of which `rule` has something to say. */
const ofContainer =
  (rule: (container: ContainerStatus, pod: PodObject) => Trouble | undefined): PodRule =>
  (pod) => {
    for (const container of pod.status?.containerStatuses ?? []) {
      const trouble = rule(container, pod);
      if (trouble !== undefined) return trouble;
    }
    return undefined;
  };

const IMAGE = new Set([
  ...['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError'],
  ...['RegistryUnavailable', 'SignatureValidationFailed'],
]);

const image = ofContainer(({ image: name, state }, { metadata }) => {
  const { reason = '', message = '' } = state?.waiting ?? {};
  if (!IMAGE.has(reason)) return undefined;
  // The kubelet says the same with and without this in turn.
  const detail = message.replace(/^Back-off pulling image "[^"]*"(: ErrImagePull)?:? ?/, '');
  return {
    reason: reasons.ImageNotPulled,
    message: `Pod ${metadata.name} can't pull image ${name}${detail === '' ? '' : ` (${shortened(detail)})`}: correct its name and tag where the operator is told them, and see that the nodes may pull it`,
  };
});

const NOT_STARTED = new Set([
  ...['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'PreCreateHookError'],
  ...['PostStartHookError', 'ContainerCannotRun', 'StartError'],
]);

const notStarted = ofContainer(({ name, state }, pod) => {
  const { reason = '', message = '' } = state?.waiting ?? {};
  if (!NOT_STARTED.has(reason)) return undefined;
  return {
    reason: reasons.ContainerNotStarted,
    message: `Container ${name} of pod ${pod.metadata.name} can't be started: ${reason}: ${shortened(message)}: ${commandFor('describe pod', pod)} says more`,
  };
});

/** It also counts as crashing while it runs, until it is ready: else it would come and go with each try. */
const crashing = ofContainer(({ name, ready, restartCount = 0, state, lastState }, pod) => {
  const ended: ContainerState['terminated'] =
    state?.terminated ?? (restartCount > 0 ? lastState?.terminated : undefined);
  const isWaiting = state?.waiting?.reason === 'CrashLoopBackOff';
  if (ready === true || (ended === undefined && !isWaiting) || (ended?.exitCode === 0 && !isWaiting)) {
    return undefined;
  }
  const how = ended === undefined ? '' : ` with exit code ${ended.exitCode} (${ended.reason ?? 'Error'})`;
  const said = lastWords(ended?.message ?? '');
  return {
    reason: reasons.ContainerCrashing,
    message: `Container ${name} of pod ${pod.metadata.name} has ended${how}${said === '' ? '' : `: ${said}`}: ${adviceFor(ended)}${commandFor('logs', pod, ' --previous')} says more`,
  };
});

const adviceFor = (ended: ContainerState['terminated']): string =>
  ended?.reason === 'OOMKilled' ? 'it needs more memory than it may have; ' : '';

/** What the mta says before it gives up, or else the last line. */
function lastWords(text: string): string {
  const said = /^postrider mta: (.*)$/ms.exec(text)?.[1];
  const lines = (said ?? text.trim().split('\n').at(-1)!).split('\n').map((line) => line.trim());
  return shortened(lines.filter((line) => line !== '').join(' '));
}

const failed: PodRule = (pod) => {
  const { phase, reason = 'Failed', message = '' } = pod.status ?? {};
  if (phase !== 'Failed') return undefined;
  return {
    reason: reasons.PodFailed,
    message: `Pod ${pod.metadata.name} has failed: ${reason}${message === '' ? '' : `: ${shortened(message)}`}: mend that; ${commandFor('delete pod', pod)} has it made anew`,
  };
};

const unscheduled = ({ status }: PodObject) =>
  status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');

const unschedulable: PodRule = (pod) => {
  const found = unscheduled(pod);
  if (found?.reason !== 'Unschedulable') return undefined;
  return {
    reason: reasons.Unschedulable,
    message: `Pod ${pod.metadata.name} can't be scheduled: ${shortened(found.message ?? 'no node fits')}: make room for it on a node, or add one`,
  };
};

/** A volume that is missing is why a pod can't be scheduled, and not the other way round. */
export const beforeVolumes: readonly PodRule[] = [image, notStarted, crashing, failed];
export const afterVolumes: readonly PodRule[] = [unschedulable];

/** The first trouble of the first pod, by the rules in their order: what is wrong with all of them is named of the first. */
export function troubleOf(pods: readonly PodObject[], rules: readonly PodRule[]): Trouble | undefined {
  for (const rule of rules) {
    for (const pod of pods) {
      const trouble = rule(pod);
      if (trouble !== undefined) return trouble;
    }
  }
  return undefined;
}

/** @param why what the cluster says of it, if anything */
export function troubleOfClaim({ metadata, spec, status }: ClaimObject, why?: string): Trouble | undefined {
  const { name, namespace } = metadata;
  if (status?.phase === 'Lost') {
    return {
      reason: reasons.VolumeLost,
      message: `The volume of PersistentVolumeClaim ${name} is gone, and the mail that was on it: restore it, or delete the claim and begin with an empty queue`,
    };
  }
  if (status?.phase !== 'Pending') return undefined;
  const { accessModes = [], storageClassName = 'the default one', resources } = spec ?? {};
  const wanted = `${resources?.requests?.['storage']}, ${accessModes.join(', ')}, storage class: ${storageClassName}`;
  return {
    reason: reasons.VolumePending,
    message: `PersistentVolumeClaim ${name} has no volume yet (${wanted})${why === undefined ? '' : `: ${shortened(why)}`}: see that the storage class exists and has such volumes (spec.storage); kubectl describe pvc -n ${namespace} ${name} says more`,
  };
}
