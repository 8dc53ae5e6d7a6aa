/** What the objects of a fleet have in common: names, labels, an owner, and what its pods are given. Pure. */

import { hash } from 'node:crypto';
import { API_VERSION } from '../../crds/kind.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import type { KubeObject } from '../kube/resource.ts';

/** An MTA, as its objects are built from it. */
export interface Fleet {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly spec: MtaSpec;
  /** The MTA is being deleted: its objects are taken away one by one when their time has come. */
  readonly isEnding?: boolean;
}

/** What the operator was told at its start. */
export interface PodSettings {
  /** Image of the mta. */
  readonly image: string;
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  /** Where the operator itself runs: its pods may use the control ports. */
  readonly operator: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
}

/** Ports of each pod besides those of its listeners. */
export const POD_PORTS = { control: 2580, health: 2581, peers: 2582 } as const;

/** Folders in each pod. */
export const POD_PATHS = {
  volume: '/var/lib/postrider',
  queue: '/var/lib/postrider/queue',
  history: '/var/lib/postrider/history',
  config: '/etc/postrider/config',
  identity: '/etc/postrider/identity',
} as const;

/** User and group of the processes, and group of the files on volumes. */
export const POD_USER = 10001;

/** How many ConfigMaps, and how many Secrets, a config may take: the pod template names all of them. */
export const MOST_PARTS = 32;

/** All that names go by. */
type Named = Pick<Fleet, 'name'>;

export const names = {
  statefulSet: ({ name }: Named) => name,
  service: ({ name }: Named) => name,
  /** A Service that the MTA names. */
  exposure: ({ name }: Named, service: string) => `${name}-${service}`,
  /** A Certificate, and the Secret that it is kept in. */
  certificate: ({ name }: Named, listener: string) => `${name}-tls-${listener}`,
  /** Of the Policy Hosts of one domain. Names of domains are too long for names of Secrets with a prefix. */
  policyCertificate: ({ name }: Named, domain: string) =>
    `${name}-sts-${hash('sha256', domain).slice(0, 10)}`,
  podMonitor: ({ name }: Named) => name,
  alerts: ({ name }: Named) => name,
  /** Headless: its addresses are those of all pods. */
  pods: ({ name }: Named) => `${name}-pods`,
  config: ({ name }: Named, part: number) => `${name}-config-${part}`,
  secrets: ({ name }: Named, part: number) => `${name}-secrets-${part}`,
  identities: ({ name }: Named) => `${name}-identities`,
  authority: ({ name }: Named) => `${name}-authority`,
  /** Of all pods, in mode Shared. */
  queue: ({ name }: Named) => `${name}-queue`,
  /** Of one pod, in mode PerReplica, as the StatefulSet names it. */
  queueOf: ({ name }: Named, ordinal: number) => `queue-${name}-${ordinal}`,
  pod: ({ name }: Named, ordinal: number) => `${name}-${ordinal}`,
  serviceAccount: ({ name }: Named) => name,
  disruptionBudget: ({ name }: Named) => name,
  networkPolicy: ({ name }: Named) => name,
} as const;

/** What selects the pods of a fleet, and nothing else. */
export const selectorOf = ({ name }: Named): Record<string, string> => ({
  'app.kubernetes.io/name': 'postrider',
  'app.kubernetes.io/component': 'mta',
  'app.kubernetes.io/instance': name,
});

/** Ports have short names, with a letter in each: those of listeners are longer, and may have none. */
export const listenerPortName = ({ port }: { readonly port: number }): string => `listener-${port}`;

/** Label selector of all that is made for fleets. */
export const MANAGED_BY = 'app.kubernetes.io/managed-by=postrider';

/** Whether it was made for a fleet, also where no selector has asked for that. */
export const isOurs = ({ labels }: { readonly labels?: Readonly<Record<string, string>> }): boolean =>
  labels?.['app.kubernetes.io/managed-by'] === 'postrider';

/** Whether it was made for this fleet, or is a pod of it. */
export const isOf = (
  fleet: Pick<Fleet, 'namespace' | 'name'>,
  { namespace, labels }: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> },
): boolean =>
  namespace === fleet.namespace &&
  Object.entries(selectorOf(fleet)).every(([label, value]) => labels?.[label] === value);

const labelsOf = (fleet: Fleet): Record<string, string> => ({
  ...selectorOf(fleet),
  'app.kubernetes.io/managed-by': 'postrider',
});

/**
 * Metadata of an object that goes with its MTA. Not while that ends: what deletes in the foreground (`--cascade=foreground`, Argo CD) would
 * take the pods away first of all.
 */
export const metadataOf = (fleet: Fleet, name: string) => ({
  ...metadataToKeep(fleet, name),
  ...(fleet.isEnding !== true && { ownerReferences: ownersOf(fleet) }),
});

const ownersOf = (fleet: Fleet) => [
  {
    ...{ apiVersion: API_VERSION, kind: 'MTA', name: fleet.name, uid: fleet.uid },
    ...{ controller: true, blockOwnerDeletion: true },
  },
];

/** Metadata of an object that is there until it is taken away on purpose: mail may be on it. */
export const metadataToKeep = (fleet: Fleet, name: string) => ({
  name,
  namespace: fleet.namespace,
  labels: labelsOf(fleet),
});

/** With labels and annotations of somebody else's choice, which never take the place of ours. */
export const metadataWith = (
  fleet: Fleet,
  name: string,
  { labels, annotations = {} }: { readonly labels: Words; readonly annotations?: Words },
) => {
  const metadata = metadataOf(fleet, name);
  return {
    ...metadata,
    labels: { ...labels, ...metadata.labels },
    ...(Object.keys(annotations).length > 0 && { annotations: { ...annotations } }),
  };
};

type Words = Readonly<Record<string, string>>;

/** Whether an object was made for this very fleet, and goes with it: by its labels and by its owner. */
export const isOwnedBy = (fleet: Fleet, { metadata }: KubeObject): boolean =>
  metadata.namespace === fleet.namespace &&
  Object.entries(labelsOf(fleet)).every(([name, value]) => metadata.labels?.[name] === value) &&
  (metadata.ownerReferences ?? []).some(({ uid, controller }) => uid === fleet.uid && controller === true);
