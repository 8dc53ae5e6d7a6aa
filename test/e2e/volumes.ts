/** Volumes of fleets, made beforehand, as an administrator without a provisioner does. */
import type { KubeObject, ResourceType } from '../../operator/kube/resource.ts';
import { POD_USER } from '../../operator/objects/fleet.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { ClusterNode } from './cluster/node.ts';

const VOLUMES: ResourceType = {
  ...{ group: '', version: 'v1', plural: 'persistentvolumes', kind: 'PersistentVolume', namespaced: false },
};
const STORAGE_CLASSES: ResourceType = {
  ...{ group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses', kind: 'StorageClass' },
  namespaced: false,
};
export const STORAGE_CLASS = 'shared';
export const LOCAL_CLASS = 'local';
/** Where each node has mounted it: node.sh. */
const MOUNT = '/run/volumes/shared';

/** Claims that name no class are for volumes that pods of all nodes may write to. */
export async function makeDefaultClass({ client }: Cluster): Promise<void> {
  await client.apply(STORAGE_CLASSES, {
    metadata: {
      name: STORAGE_CLASS,
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: 'kubernetes.io/no-provisioner',
  } as KubeObject);
}

/** A volume that pods of all nodes may write to at the same time. */
export async function makeSharedVolume({ client, nodes }: Cluster, name: string): Promise<void> {
  const path = `${MOUNT}/${name}`;
  // The storage has no notion of fsGroup: the folder is made for the user of the pods.
  await nodes[0].exec('mkdir', path);
  await nodes[0].exec('chown', `${POD_USER}:${POD_USER}`, path);
  await client.apply(VOLUMES, volume(name, STORAGE_CLASS, 'ReadWriteMany', { hostPath: { path } }));
}

/** A volume on one node, for a pod there. */
export async function makeLocalVolume({ client }: Cluster, node: ClusterNode, name: string): Promise<void> {
  const path = `/var/lib/volumes/${name}`;
  await node.exec('mkdir', '-p', path);
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node.name] }];
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
  await client.apply(VOLUMES, volume(name, LOCAL_CLASS, 'ReadWriteOnce', { local: { path }, nodeAffinity }));
}

const volume = (name: string, storageClassName: string, mode: string, place: object): KubeObject =>
  ({
    metadata: { name },
    spec: {
      ...{ capacity: { storage: '20Gi' }, accessModes: [mode], storageClassName },
      persistentVolumeReclaimPolicy: 'Retain',
      ...place,
    },
  }) as KubeObject;
