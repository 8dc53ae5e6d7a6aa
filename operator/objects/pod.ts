/**
 * The pod of a fleet: an mta without any privilege, in a file system that it can't write to but for its volume. It meets the Pod
 * Security Standard `restricted`. Pure.
 */
import { parseDuration } from '../../crds/units.ts';
import type { Container, PodTemplate, Volume } from '../kube/types.ts';
import {
  type Fleet,
  MOST_PARTS,
  metadataToKeep,
  names,
  POD_PATHS,
  POD_PORTS,
  POD_USER,
  type PodSettings,
  selectorOf,
} from './fleet.ts';
import { MTA_CONTAINER, withOverride } from './pod-override.ts';
import { queueSettings } from './queue-settings.ts';

/** The image has both programs, and runs node: Dockerfile. */
const MTA_MAIN = 'mta/main.js';

/** After `spec.drain.timeout`, for what ends after the sessions: releases, a last sync, the log. */
const CLOSING_SECONDS = 60;

/** As the MTA has it: ours, with its `podTemplate` over it. */
export const podTemplate = (fleet: Fleet, settings: PodSettings): PodTemplate =>
  withOverride(ownTemplate(fleet, settings), fleet.spec.podTemplate);

export function ownTemplate(
  fleet: Fleet,
  settings: Pick<PodSettings, 'image' | 'imagePullPolicy'>,
): PodTemplate {
  const { labels } = metadataToKeep(fleet, '');
  const { pullSecrets } = fleet.spec.image;
  return {
    metadata: { labels, annotations: queueSettings(fleet) },
    spec: {
      serviceAccountName: names.serviceAccount(fleet),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      ...(pullSecrets.length > 0 && { imagePullSecrets: [...pullSecrets] }),
      terminationGracePeriodSeconds: Math.ceil(parseDuration(fleet.spec.drain.timeout)) + CLOSING_SECONDS,
      securityContext: {
        ...{ runAsNonRoot: true, runAsUser: POD_USER, runAsGroup: POD_USER },
        ...{ fsGroup: POD_USER, fsGroupChangePolicy: 'OnRootMismatch' },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...spread(selectorOf(fleet)),
      containers: [container(fleet, settings)],
      volumes: volumes(fleet),
    },
  };
}

/**
 * Over nodes and zones, as far as it goes: mail is rather served by two pods of one node than by one. Zones are an affinity: a constraint
 * for them leaves nodes without a zone out of all constraints.
 */
const spread = (matchLabels: Record<string, string>) => ({
  topologySpreadConstraints: [
    {
      ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
      labelSelector: { matchLabels },
    },
  ],
  affinity: {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: { topologyKey: 'topology.kubernetes.io/zone', labelSelector: { matchLabels } },
        },
      ],
    },
  },
});

function container(fleet: Fleet, settings: Pick<PodSettings, 'image' | 'imagePullPolicy'>): Container {
  const { control, health, peers } = POD_PORTS;
  const { image, resources } = fleet.spec;
  // Of another image than its own the operator doesn't know when to pull it.
  const imagePullPolicy =
    image.pullPolicy ?? (image.name === undefined ? settings.imagePullPolicy : undefined);
  const probe = (path: string) => ({ httpGet: { path, port: 'health' }, timeoutSeconds: 5 });
  return {
    name: MTA_CONTAINER,
    image: image.name ?? settings.image,
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
    args: [
      ...[MTA_MAIN, '--config', POD_PATHS.config, '--name', '$(POD_NAME)'],
      ...['--identity', POD_PATHS.identity],
    ],
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    // Not those of listeners, which come and go while it runs: Services name them by number.
    ports: [
      { name: 'control', containerPort: control, protocol: 'TCP' },
      { name: 'health', containerPort: health, protocol: 'TCP' },
      { name: 'peers', containerPort: peers, protocol: 'TCP' },
    ],
    ...((resources.requests ?? resources.limits) !== undefined && { resources: amountsOf(resources) }),
    // A large queue takes its time to be read, and pieces of the config to arrive.
    startupProbe: { ...probe('/livez'), periodSeconds: 2, failureThreshold: 150 },
    livenessProbe: { ...probe('/livez'), periodSeconds: 10, failureThreshold: 6 },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 2 },
    // What it said last is in its status: the operator tells it where the MTA is looked at.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: {
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'queue', mountPath: POD_PATHS.volume },
      { name: 'config', mountPath: POD_PATHS.config, readOnly: true },
      { name: 'identity', mountPath: POD_PATHS.identity, readOnly: true },
    ],
  };
}

/** As the API server writes them back: text. */
function amountsOf({ requests, limits }: Fleet['spec']['resources']): Container['resources'] {
  const texts = (amounts: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)]));
  return {
    ...(requests !== undefined && { requests: texts(requests) }),
    ...(limits !== undefined && { limits: texts(limits) }),
  };
}

/** In mode PerReplica the StatefulSet adds a volume for the queue to each pod. */
function volumes(fleet: Fleet): Volume[] {
  const parts = Array.from({ length: MOST_PARTS }, (_, part) => part);
  return [
    {
      name: 'config',
      // Their number must be no reason to restart pods.
      projected: {
        sources: parts.flatMap((part) => [
          { configMap: { name: names.config(fleet, part), optional: true } },
          { secret: { name: names.secrets(fleet, part), optional: true } },
        ]),
      },
    },
    { name: 'identity', secret: { secretName: names.identities(fleet) } },
    ...(fleet.spec.storage.mode === 'Shared'
      ? [{ name: 'queue', persistentVolumeClaim: { claimName: names.queue(fleet) } }]
      : []),
  ];
}
