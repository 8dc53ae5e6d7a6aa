/** How pods and volumes of a fleet come and go, against a real API server. A test plays the StatefulSet's controller, and the pods. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { OwnObject, StatefulSetObject } from '../../operator/controllers/watched.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import {
  NAMESPACES,
  OWN_KINDS,
  SECRETS,
  STATEFUL_SETS,
  VOLUME_CLAIMS,
} from '../../operator/kube/resources.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { conditionIn } from './support/own-kinds.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

const MTA = OWN_KINDS.get('MTA')!;
const LISTENERS = [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }];

describeWithControlPlane('the life of a fleet', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let operator: Operator;
  const pods = new Map<string, StandIn>();

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    await installCrds(client);
    await client.create(NAMESPACES, { metadata: { name: 'mail' } });
    operator = await runOperator(plane.transport(), {
      addressOf: ({ metadata }) => pods.get(metadata.name)?.address,
    });
  });
  afterAll(async () => {
    await operator?.stop();
    await Promise.all(Array.from(pods.values(), (pod) => pod.stop()));
    await plane?.stop();
  });

  const name = (fleet: string) => ({ namespace: 'mail', name: fleet });
  const apply = (fleet: string, spec: object) =>
    client.apply(MTA, {
      metadata: name(fleet),
      spec: { hostname: 'mail.example.test', listeners: LISTENERS, ...spec },
    } as KubeObject);
  const replicasAre = (fleet: string, replicas: number) =>
    waitFor(`${fleet} to have ${replicas} replicas`, async () => {
      const set = await client.get<StatefulSetObject>(STATEFUL_SETS, name(fleet));
      return set?.spec?.replicas === replicas;
    });
  const conditionIs = (fleet: string, type: string, status: string, reason: string, text = '') =>
    waitFor(`${fleet} to be ${type}=${status}, ${reason}: ${text}`, async () => {
      const found = conditionIn(await client.get<OwnObject>(MTA, name(fleet)), type);
      return found?.status === status && found.reason === reason && found.message.includes(text) && found;
    });
  const claim = (volume: string) => client.get<KubeObject>(VOLUME_CLAIMS, name(volume));
  /** As the controllers of volumes do it, when no pod has it any more. */
  const isDeleted = (volume: string) =>
    waitFor(`the volume ${volume} to be deleted`, async () => {
      const found = await claim(volume);
      if (found === undefined) return true;
      if (found.metadata.deletionTimestamp === undefined) return false;
      await client.patch(VOLUME_CLAIMS, name(volume), { metadata: { finalizers: null } });
      return true;
    });

  /** As the StatefulSet's controller makes it, and the volume's: bound. */
  async function volume(fleet: string, ordinal: number): Promise<void> {
    const labels = {
      'app.kubernetes.io/name': 'postrider',
      'app.kubernetes.io/component': 'mta',
      'app.kubernetes.io/instance': fleet,
      'app.kubernetes.io/managed-by': 'postrider',
    };
    await client.create(VOLUME_CLAIMS, {
      metadata: { ...name(`queue-${fleet}-${ordinal}`), labels },
      spec: {
        ...{ accessModes: ['ReadWriteOnce'], volumeName: `pv-${fleet}-${ordinal}` },
        resources: { requests: { storage: '1Gi' } },
      },
    } as KubeObject);
  }
  async function podOf(fleet: string, ordinal: number): Promise<StandIn> {
    const pod = new StandIn(client, name(fleet), `${fleet}-${ordinal}`);
    pods.set(pod.name, pod);
    await pod.start();
    return pod;
  }
  async function fleetOf(fleet: string, replicas: number, spec: object = {}): Promise<StandIn[]> {
    await apply(fleet, { replicas, storage: { mode: 'PerReplica' }, ...spec });
    await replicasAre(fleet, replicas);
    const ordinals = Array.from({ length: replicas }, (_, ordinal) => ordinal);
    for (const ordinal of ordinals) await volume(fleet, ordinal);
    return Promise.all(ordinals.map((ordinal) => podOf(fleet, ordinal)));
  }
  const end = async (pod: StandIn): Promise<void> => {
    pods.delete(pod.name);
    await pod.end();
  };

  describe('that shrinks', () => {
    it('waits for proof, shrinks, and deletes the volume when the pod has gone', async () => {
      const [, , last] = await fleetOf('shrinks', 3);
      last!.drain.messages = 7;
      await apply('shrinks', { replicas: 2, storage: { mode: 'PerReplica' } });
      await conditionIs('shrinks', 'Scaled', 'False', 'Draining', 'shrinks-2, with 7 messages left');
      expect(last!.drain.claim).toBe('empty');
      last!.drain.problems = [{ subject: 'shrinks-1', reason: 'it is not heard', advice: 'Bring it back.' }];
      const blocked = await conditionIs('shrinks', 'Scaled', 'False', 'DrainBlocked');
      expect(blocked.message).toContain('shrinks-1: it is not heard. Bring it back.');
      await conditionIs('shrinks', 'Stalled', 'True', 'DrainBlocked');
      const set = await client.get<StatefulSetObject>(STATEFUL_SETS, name('shrinks'));
      expect(set?.spec?.replicas).toBe(3);

      last!.drain.messages = 0;
      await replicasAre('shrinks', 2);
      const proven = await claim('queue-shrinks-2');
      expect(proven?.metadata.annotations).toMatchObject({ 'postrider.dev/empty': 'sha256:00' });
      expect(proven?.metadata.deletionTimestamp).toBeUndefined();
      await end(last!);
      await isDeleted('queue-shrinks-2');
      await conditionIs('shrinks', 'Scaled', 'True', 'Scaled');
      expect((await claim('queue-shrinks-1'))?.metadata.deletionTimestamp).toBeUndefined();
    });

    it('lets a pod serve again that is wanted after all, and takes its proof away first', async () => {
      const [, second] = await fleetOf('wavers', 2);
      second!.drain.messages = 1;
      await apply('wavers', { replicas: 1, storage: { mode: 'PerReplica' } });
      await waitFor('the pod to leave', () => second!.drain.claim === 'empty');
      await apply('wavers', { replicas: 2, storage: { mode: 'PerReplica' } });
      await waitFor('the pod to serve', () => second!.drain.claim === undefined);
      const { metadata } = (await claim('queue-wavers-1'))!;
      expect(metadata.annotations?.['postrider.dev/empty']).toMatch(/^no: in use since 20/);
      await conditionIs('wavers', 'Scaled', 'True', 'Scaled');
    });

    it('brings the pod of a volume back that nobody has emptied', async () => {
      await fleetOf('orphans', 1);
      await volume('orphans', 1);
      await replicasAre('orphans', 2);
      await conditionIs('orphans', 'Scaled', 'False', 'VolumeOrphaned');
      const back = await podOf('orphans', 1);
      await replicasAre('orphans', 1);
      await end(back);
      await isDeleted('queue-orphans-1');
    });
  });

  it('is left alone while it is paused', async () => {
    await fleetOf('paused', 1);
    await client.patch(MTA, name('paused'), {
      metadata: { annotations: { 'postrider.dev/paused': 'true' } },
    });
    await apply('paused', { replicas: 3, storage: { mode: 'PerReplica' } });
    await fleetOf('other', 1);
    const set = await client.get<StatefulSetObject>(STATEFUL_SETS, name('paused'));
    expect(set?.spec?.replicas).toBe(1);
    await client.patch(MTA, name('paused'), { metadata: { annotations: { 'postrider.dev/paused': null } } });
    await replicasAre('paused', 3);
  });

  describe('that is deleted', () => {
    const isGone = (fleet: string) =>
      waitFor(`${fleet} to be gone`, async () => {
        const [mta, set, secret] = await Promise.all([
          client.get(MTA, name(fleet)),
          client.get(STATEFUL_SETS, name(fleet)),
          client.get(SECRETS, name(`${fleet}-authority`)),
        ]);
        return mta === undefined && set === undefined && secret === undefined;
      });

    it('delivers what it holds, says how to insist, and goes with its volumes', async () => {
      const [first, second] = await fleetOf('delivers', 2);
      second!.drain.messages = 2;
      await client.delete(MTA, name('delivers'));
      const { message } = await conditionIs('delivers', 'Ready', 'False', 'Terminating', '2 messages');
      expect(message).toContain('kubectl patch mta delivers -n mail');
      await waitFor('the listeners to close', () => second!.config?.listeners.length === 0);
      const owned = await client.get<KubeObject>(STATEFUL_SETS, name('delivers'));
      expect(owned?.metadata.ownerReferences).toBeUndefined();
      second!.drain.messages = 0;
      await replicasAre('delivers', 0);
      await Promise.all([end(first!), end(second!)]);
      await isDeleted('queue-delivers-0');
      await isDeleted('queue-delivers-1');
      await isGone('delivers');
    });

    it('stops at once and keeps its volumes where a person insists', async () => {
      const [pod] = await fleetOf('keeps', 1);
      pod!.drain.messages = 5;
      await client.delete(MTA, name('keeps'));
      await conditionIs('keeps', 'Ready', 'False', 'Terminating');
      await client.patch(MTA, name('keeps'), { spec: { deletionPolicy: 'KeepVolumes' } });
      await replicasAre('keeps', 0);
      await end(pod!);
      await isGone('keeps');
      expect((await claim('queue-keeps-0'))?.metadata.deletionTimestamp).toBeUndefined();
    });

    it('shares a volume: it goes when all pods have seen that it is empty', async () => {
      const shared = { storage: { mode: 'Shared' }, deletionPolicy: 'Deliver' };
      await apply('shares', { replicas: 1, ...shared });
      await replicasAre('shares', 1);
      await client.patch(VOLUME_CLAIMS, name('shares-queue'), { spec: { volumeName: 'pv-shares' } });
      const pod = await podOf('shares', 0);
      pod.drain.messages = 1;
      await client.delete(MTA, name('shares'));
      await waitFor('the pod to be asked', () => pod.drain.claim === 'empty');
      pod.drain.messages = 0;
      await replicasAre('shares', 0);
      await end(pod);
      await isDeleted('shares-queue');
      await isGone('shares');
    });
  });
});
