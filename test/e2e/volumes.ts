/** Volumes of a fleet, on the shared storage of the cluster: made beforehand, as an administrator without a provisioner does. */
import type { KubeObject, ResourceType } from '../../operator/kube/resource.ts';
import { POD_USER } from '../../operator/objects/fleet.ts';
import type { Cluster } from './cluster/cluster.ts';

const VOLUMES: ResourceType = {
  ...{ group: '', version: 'v1', plural: 'persistentvolumes', kind: 'PersistentVolume', namespaced: false },
};
export const STORAGE_CLASS = 'shared';
/** Where each node has mounted it: node.sh. */
const MOUNT = '/run/volumes/shared';

/** A volume that pods of all nodes may write to at the same time. */
export async function makeSharedVolume({ client, nodes }: Cluster, name: string): Promise<void> {
  const path = `${MOUNT}/${name}`;
  // The storage has no notion of fsGroup: the folder is made for the user of the pods.
  await nodes[0].exec('mkdir', path);
  await nodes[0].exec('chown', `${POD_USER}:${POD_USER}`, path);
  await client.apply(VOLUMES, {
    metadata: { name },
    spec: {
      capacity: { storage: '10Gi' },
      accessModes: ['ReadWriteMany'],
      storageClassName: STORAGE_CLASS,
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path, type: 'Directory' },
    },
  } as KubeObject);
}
