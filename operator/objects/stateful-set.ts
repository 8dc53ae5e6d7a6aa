/** The pods of a fleet, and the volumes that their queue is on. Pure. */
import type { PersistentVolumeClaim, StatefulSet } from '../kube/types.ts';
import { type Fleet, metadataOf, metadataToKeep, names, type PodSettings, selectorOf } from './fleet.ts';
import { podTemplate } from './pod.ts';

/** @param replicas how many there are to be now: a pod goes only after it has shown that it is empty */
export function statefulSet(fleet: Fleet, settings: PodSettings, replicas: number): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf(fleet, names.statefulSet(fleet)),
    spec: {
      replicas,
      serviceName: names.pods(fleet),
      selector: { matchLabels: selectorOf(fleet) },
      // A pod that can't start must not keep the others from it.
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate' },
      // Mail may be on them.
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      template: podTemplate(fleet, settings),
      ...(fleet.spec.storage.mode === 'PerReplica' && {
        volumeClaimTemplates: [
          {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'queue', labels: metadataToKeep(fleet, '').labels },
            spec: claim(fleet, 'ReadWriteOnce'),
          },
        ],
      }),
    },
  };
}

/** The volume of all pods, in mode Shared. It stays when the MTA goes: it is taken away when it has been seen to be empty. */
export function sharedVolume(fleet: Fleet): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadataToKeep(fleet, names.queue(fleet)),
    spec: claim(fleet, 'ReadWriteMany'),
  };
}

function claim({ spec: { storage } }: Fleet, accessMode: string): PersistentVolumeClaim['spec'] {
  return {
    accessModes: [accessMode],
    resources: { requests: { storage: String(storage.size) } },
    ...(storage.storageClassName !== undefined && { storageClassName: storage.storageClassName }),
  };
}
