/** Pods that are deleted, killed and replaced while mail comes in. */
import { expect, it } from 'vitest';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { STATEFUL_SETS } from '../../../operator/kube/resources.ts';
import { conditionIn } from '../../control-plane/support/own-kinds.ts';
import { waitFor } from '../../support/wait.ts';
import { FLEET, mta, NAMESPACE } from '../fleet.ts';
import { STORAGE_CLASS } from '../volumes.ts';
import { nodeOf, type Pod, podsOf, podsReady, underLoad, type World } from '../world.ts';

interface StatefulSet extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
  };
}

export function podsComeAndGo(world: () => World): void {
  const replaced = (before: Pod) =>
    waitFor(
      `another ${before.metadata.name}`,
      async () => {
        const pods = await podsOf(world().cluster);
        return pods.some(
          ({ metadata }) => metadata.name === before.metadata.name && metadata.uid !== before.metadata.uid,
        );
      },
      { timeoutMs: 120_000, everyMs: 200 },
    );

  it('a pod that is deleted loses and doubles nothing', async () => {
    const { cluster } = world();
    const totals = await underLoad(world(), async () => {
      for (const pod of await podsReady(cluster)) {
        await cluster.kubectl('delete', 'pod', '--namespace', NAMESPACE, pod.metadata.name);
        await replaced(pod);
        await podsReady(cluster);
      }
    });
    expect(totals).toMatchObject({ missing: [], duplicates: 0, damaged: [] });
  });

  it('a pod that is killed loses nothing', async () => {
    const { cluster } = world();
    const totals = await underLoad(world(), async () => {
      for (const pod of await podsReady(cluster)) {
        const { containerID = '', restartCount } = pod.status.containerStatuses![0]!;
        // SIGKILL to the first process of the container, which takes all others along.
        await nodeOf(cluster, pod).ctr(
          'tasks',
          'kill',
          '--signal',
          'SIGKILL',
          containerID.replace(/^.*:\/\//, ''),
        );
        await waitFor(
          `${pod.metadata.name} to have been started again`,
          async () => {
            const now = (await podsOf(cluster)).find(({ metadata }) => metadata.uid === pod.metadata.uid);
            return (now?.status.containerStatuses?.[0]?.restartCount ?? 0) > restartCount;
          },
          { timeoutMs: 60_000, everyMs: 200 },
        );
        await podsReady(cluster);
      }
    });
    expect(totals).toMatchObject({ missing: [], damaged: [] });
    console.log(`two pods killed: ${totals.acknowledged} recipients, ${totals.duplicates} twice`);
  });

  it('a rolling update loses and doubles nothing, and one pod serves at any time', async () => {
    const { cluster, clients, kinds } = world();
    const before = await podsReady(cluster);
    let leastServing = before.length;
    const reasons = new Set<string | undefined>();
    const totals = await underLoad(world(), async () => {
      // Settings of the queue are taken at the start alone, so each is made anew.
      const storage = { mode: 'Shared', storageClassName: STORAGE_CLASS, leaseTerm: '8s' };
      await cluster.apply([mta(clients, { storage })]);
      await waitFor(
        'all pods to be new and ready',
        async () => {
          reasons.add(conditionIn(await kinds.get('MTA', FLEET), 'Ready')?.reason);
          const pods = await podsOf(cluster);
          const serving = pods.filter(
            ({ status, metadata }) =>
              metadata.deletionTimestamp === undefined &&
              status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
          ).length;
          leastServing = Math.min(leastServing, serving);
          const set = await cluster.client.get<StatefulSet>(STATEFUL_SETS, {
            namespace: NAMESPACE,
            name: FLEET,
          });
          const { readyReplicas, currentRevision, updateRevision } = set?.status ?? {};
          const isNew = pods.every(({ metadata }) =>
            before.every((old) => old.metadata.uid !== metadata.uid),
          );
          return isNew && readyReplicas === before.length && currentRevision === updateRevision;
        },
        { timeoutMs: 180_000, everyMs: 200 },
      );
    });
    expect(leastServing).toBeGreaterThanOrEqual(1);
    expect(reasons).not.toContain('ConfigRefused');
    expect(totals).toMatchObject({ missing: [], duplicates: 0, damaged: [] });
  });
}
