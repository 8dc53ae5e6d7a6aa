/**
 * What people get wrong, each in its way: it ends in a condition and an event that say what to do, and everybody else's mail flows on, by
 * the config that pods have. Pods are stand-ins; what the kubelet, the scheduler and other controllers would say is written by the test.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { PodObject } from '../../operator/controllers/watched.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { type KubeObject, microTime, type ResourceType } from '../../operator/kube/resource.ts';
import {
  EVENTS,
  NAMESPACES,
  OWN_KINDS,
  PODS,
  SECRETS,
  SERVICES,
  VOLUME_CLAIMS,
} from '../../operator/kube/resources.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { conditionIn, domainSpec, OwnKinds, relaySpec, SLOW_MS } from './support/own-kinds.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

const FLEET = { namespace: 'mail', name: 'mta' };
const QUOTAS: ResourceType = {
  ...{ group: '', version: 'v1', plural: 'resourcequotas', kind: 'ResourceQuota', namespaced: true },
};
const smtp = { name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } };
const MTA = { replicas: 2, hostname: 'mail.example.test', listeners: [smtp] };
const inNamespace = (namespace: string, name: string) => ({ namespace, name });

describeWithControlPlane('what is wrong', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let own: OwnKinds;
  let operator: Operator;
  let pods: StandIn[];
  let bystanders = 0;

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    own = new OwnKinds(client);
    await installCrds(client);
    for (const name of ['mail', 'shop']) await client.create(NAMESPACES, { metadata: { name } });
    pods = ['mta-0', 'mta-1'].map((name) => new StandIn(client, FLEET, name));
    await own.apply('MTA', 'mta', MTA);
    await start();
    await Promise.all(pods.map((pod) => pod.start()));
    await own.becomes('MTA', 'mta', 'Ready=True');
  });
  afterAll(async () => {
    await operator?.stop();
    await Promise.all(pods?.map((pod) => pod.stop()) ?? []);
    await plane?.stop();
  });

  async function start(): Promise<void> {
    operator = await runOperator(plane.transport(), {
      addressOf: ({ metadata }) => pods.find(({ name }) => name === metadata.name)?.address,
    });
  }

  const secret = (name: string, key: string, value: string) =>
    client.apply(SECRETS, {
      metadata: inNamespace('mail', name),
      data: { [key]: Buffer.from(value).toString('base64') },
    } as KubeObject);

  /** Somebody else's edit reaches every pod that serves. */
  async function flowsOn(): Promise<void> {
    bystanders += 1;
    const name = `bystander-${bystanders}`;
    await own.apply('MailDomain', name, domainSpec(`${name}.example.test`));
    await waitFor(
      `${name} to reach the pods`,
      () =>
        pods.every(({ config }) => config?.domains.some((each) => each.domain === `${name}.example.test`)) ||
        undefined,
      { timeoutMs: SLOW_MS },
    );
  }

  /** As the kubelet would write it. */
  async function podStatus(name: string, status: PodObject['status'] & object): Promise<void> {
    const found = await client.get<PodObject>(PODS, inNamespace('mail', name));
    const { podIP = '127.0.0.1' } = found?.status ?? {};
    await writeStatus(`pods/${name}`, { podIP, containerStatuses: null, ...status });
  }
  /** As whoever looks after it would. @param path `pods/mta-0` */
  async function writeStatus(path: string, status: object): Promise<void> {
    const { status: code, body } = await plane.transport()({
      ...{ method: 'PATCH', path: `/api/v1/namespaces/mail/${path}/status` },
      ...{ contentType: 'application/merge-patch+json', signal: AbortSignal.timeout(10_000) },
      body: JSON.stringify({ status }),
    });
    body.resume();
    expect(code).toBe(200);
  }
  const serves = (name: string) =>
    podStatus(name, { conditions: [{ type: 'Ready', status: 'True' }], phase: 'Running' });
  const container = (more: object) => ({
    ...{ phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
    containerStatuses: [
      {
        ...{ name: 'mta', image: 'registry.example/mta:none', imageID: '', ready: false, restartCount: 0 },
        ...more,
      },
    ],
  });

  it('a Secret that is missing, one without the key, and one with something else in it', async () => {
    await own.apply(
      'MailRelay',
      'out',
      relaySpec({ credentials: { username: 'u', secretRef: { name: 'login' } } }),
    );
    const { message } = await own.becomes('MailRelay', 'out', 'Ready=False/SecretNotFound');
    expect(message).toContain('there is no Secret login in namespace mail: make it');
    await own.becomes('MailRelay', 'out', 'Stalled=True');
    expect(await own.told('MailRelay', 'out', 'SecretNotFound')).toMatchObject({
      type: 'Warning',
      note: expect.stringContaining('make it'),
    });
    await flowsOn();

    await secret('login', 'passwd', 'geheim');
    const second = await own.becomes('MailRelay', 'out', 'ResolvedRefs=False/SecretKeyNotFound');
    expect(second.message).toContain('it has: passwd');
    await own.told('MailRelay', 'out', 'SecretKeyNotFound');

    await secret('login', 'password', 'two\nlines');
    await own.becomes('MailRelay', 'out', 'ResolvedRefs=False/SecretInvalid');
    await own.told('MailRelay', 'out', 'SecretInvalid');
    await flowsOn();

    await secret('login', 'password', 'geheim');
    await own.becomes('MailRelay', 'out', 'Ready=True');
    expect((await own.told('MailRelay', 'out', 'Ready')).type).toBe('Normal');
  });

  it('two that want the same name', async () => {
    await own.apply('MailDomain', 'first', domainSpec('same.example.test'));
    await own.becomes('MailDomain', 'first', 'Programmed=True');
    await own.apply('MailDomain', 'second', domainSpec('same.example.test'));
    const { message } = await own.becomes('MailDomain', 'second', 'Ready=False/Conflicted');
    expect(message).toContain('mail/first');
    await own.told('MailDomain', 'second', 'Conflicted');
    await own.becomes('MailDomain', 'first', 'Ready=True');
    await waitFor(
      'the MTA to count it',
      async () => {
        const { status } = (await own.get('MTA', 'mta'))!;
        return (status!['attached'] as { refused: number }).refused === 1;
      },
      { timeoutMs: SLOW_MS },
    );
    await flowsOn();
    await client.delete(OWN_KINDS.get('MailDomain')!, inNamespace('mail', 'second'));
  });

  it('a grant that is withdrawn', async () => {
    const attachment = [
      { name: 'shop', namespaces: { names: ['shop'] }, kinds: ['MailDomain'], domains: ['shop.example'] },
    ];
    await own.apply('MTA', 'mta', { ...MTA, attachment });
    const type = OWN_KINDS.get('MailDomain')!;
    const spec = domainSpec('shop.example', { mtaRefs: [{ name: 'mta', namespace: 'mail' }] });
    await client.apply(type, { metadata: inNamespace('shop', 'shop'), spec } as KubeObject);
    const accepted = async (status: string, reason: string) =>
      waitFor(`the domain of the shop to be ${reason}`, async () => {
        const found = conditionIn(await client.get(type, inNamespace('shop', 'shop')), 'Accepted');
        return found?.status === status && found.reason === reason && found;
      });
    await accepted('True', 'Accepted');
    await own.apply('MTA', 'mta', { ...MTA, attachment: [{ ...attachment[0], domains: ['other.example'] }] });
    await accepted('False', 'DomainNotAllowed');
    await own.apply('MTA', 'mta', MTA);
    const { message } = await accepted('False', 'NotAllowedByMTA');
    expect(message).toContain('attachment');
    const { items } = await client.list<KubeObject & { reason: string }>(EVENTS, { namespace: 'shop' });
    expect(items.map(({ reason }) => reason).sort()).toContain('DomainNotAllowed');
    await flowsOn();
  });

  it('two listeners on one port: the pods go on with what they have', async () => {
    const revisions = pods.map(({ revision }) => revision);
    await own.apply('MTA', 'mta', { ...MTA, listeners: [smtp, { ...smtp, name: 'second' }] });
    const { message } = await own.becomes('MTA', 'mta', 'Ready=False/PortConflict');
    expect(message).toContain('choose another one');
    await own.told('MTA', 'mta', 'PortConflict');
    await own.becomes('MTA', 'mta', 'Stalled=True');
    expect(pods.map(({ revision }) => revision)).toEqual(revisions);
    await own.apply('MTA', 'mta', MTA);
    await own.becomes('MTA', 'mta', 'Ready=True');
    await flowsOn();
  });

  it('an image that does not exist', async () => {
    const why = 'failed to resolve reference "registry.example/mta:none": not found';
    await podStatus('mta-1', container({ state: { waiting: { reason: 'ErrImagePull', message: why } } }));
    const { message } = await own.becomes('MTA', 'mta', 'Ready=False/ImageNotPulled');
    expect(message).toContain(`Pod mta-1 can't pull image registry.example/mta:none (${why}): correct`);
    await own.told('MTA', 'mta', 'ImageNotPulled');
    await flowsOn();
    const again = `Back-off pulling image "registry.example/mta:none": ErrImagePull: ${why}`;
    for (const [reason, text] of [
      ['ImagePullBackOff', again],
      ['ErrImagePull', why],
      ['ImagePullBackOff', again],
    ]) {
      await podStatus('mta-1', container({ state: { waiting: { reason, message: text } } }));
    }
    await flowsOn();
    const told = (await own.events('MTA', 'mta')).filter(({ reason }) => reason === 'ImageNotPulled');
    expect(told.map(({ series }) => series)).toEqual([undefined]);
    await serves('mta-1');
    await own.becomes('MTA', 'mta', 'Ready=True');
  });

  it('a container that ends, with what it said last', async () => {
    const terminated = {
      ...{ exitCode: 1, reason: 'Error', containerID: 'containerd://1' },
      ...{ startedAt: '2026-11-29T10:00:00Z', finishedAt: '2026-11-29T10:00:01Z' },
      message: 'postrider mta: port 2525 of listener smtp is in use\n  Choose another one.\n',
    };
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 40s' };
    await podStatus('mta-1', container({ restartCount: 3, state: { waiting }, lastState: { terminated } }));
    const { message } = await own.becomes('MTA', 'mta', 'Ready=False/ContainerCrashing');
    expect(message).toContain('exit code 1 (Error): port 2525 of listener smtp is in use');
    await own.told('MTA', 'mta', 'ContainerCrashing');
    await flowsOn();
    await serves('mta-1');
    await own.becomes('MTA', 'mta', 'Ready=True');
  });

  it('a claim that nothing satisfies, with why, and a pod that finds no node', async () => {
    const claim = await waitFor('the claim', () =>
      client.get<KubeObject>(VOLUME_CLAIMS, inNamespace('mail', 'mta-queue')),
    );
    const { name, namespace, uid } = claim.metadata;
    await client.create(EVENTS, {
      metadata: { namespace: 'mail', name: 'mta-queue.1' },
      ...{
        eventTime: microTime(Date.now()),
        type: 'Warning',
        reason: 'ProvisioningFailed',
        action: 'Provision',
      },
      ...{ note: 'storageclass.storage.k8s.io "nfs" not found', reportingController: 'pv-controller' },
      ...{ reportingInstance: 'pv-controller-1' },
      regarding: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
    } as KubeObject);
    const unplaced = {
      ...{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' },
      message: '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
    };
    await podStatus('mta-1', { phase: 'Pending', conditions: [unplaced] });
    const found = await waitFor(
      'the reason of the claim',
      async () => {
        const condition = conditionIn(await own.get('MTA', 'mta'), 'Ready');
        return condition?.reason === 'VolumePending' && condition.message.includes('not found') && condition;
      },
      { timeoutMs: SLOW_MS },
    );
    expect(found.message).toContain('PersistentVolumeClaim mta-queue has no volume yet (10Gi, ReadWriteMany');
    expect(found.message).toContain('storageclass.storage.k8s.io "nfs" not found: see that');
    await own.told('MTA', 'mta', 'VolumePending');
    await flowsOn();

    await writeStatus('persistentvolumeclaims/mta-queue', { phase: 'Bound' });
    const { message } = await own.becomes('MTA', 'mta', 'Ready=False/Unschedulable');
    expect(message).toContain("Pod mta-1 can't be scheduled: 0/2 nodes are available");
    await own.told('MTA', 'mta', 'Unschedulable');
    await serves('mta-1');
    await own.becomes('MTA', 'mta', 'Ready=True');
  });

  it('a pod that can not be made, with why', async () => {
    await pods[1]!.stop();
    await client.delete(PODS, inNamespace('mail', 'mta-1'));
    await client.create(EVENTS, {
      metadata: inNamespace('mail', 'mta.1'),
      ...{ eventTime: microTime(Date.now()), type: 'Warning', reason: 'FailedCreate', action: 'Create' },
      ...{ note: 'create Pod mta-1 in StatefulSet mta failed error: exceeded quota: few' },
      ...{ reportingController: 'statefulset-controller', reportingInstance: 'statefulset-controller-1' },
      regarding: { apiVersion: 'apps/v1', kind: 'StatefulSet', ...FLEET },
    } as KubeObject);
    const { message } = await waitFor(
      'the reason of the StatefulSet',
      async () => {
        const condition = conditionIn(await own.get('MTA', 'mta'), 'Ready');
        return condition?.reason === 'PodsMissing' && condition.message.includes('quota') && condition;
      },
      { timeoutMs: SLOW_MS },
    );
    expect(message).toContain(
      '1 of 2 pods exist: create Pod mta-1 in StatefulSet mta failed error: exceeded quota',
    );
    await pods[1]!.start();
    await own.becomes('MTA', 'mta', 'Ready=True');
    await flowsOn();
  });

  it('an object that a quota forbids', async () => {
    const hard = { services: '0' };
    await client.create(QUOTAS, { metadata: inNamespace('mail', 'none'), spec: { hard } } as KubeObject);
    await writeStatus('resourcequotas/none', { hard, used: { services: '0' } });
    await client.delete(SERVICES, FLEET);
    const { message } = await own.becomes('MTA', 'mta', 'Ready=False/ObjectRefused');
    expect(message).toMatch(/^The API server refuses Service mta: .*exceeded quota.*: raise the quota/);
    await own.told('MTA', 'mta', 'ObjectRefused');
    await flowsOn();
    await client.delete(QUOTAS, inNamespace('mail', 'none'));
    await own.apply('MTA', 'mta', { ...MTA, workers: 2 });
    await own.becomes('MTA', 'mta', 'Ready=True');
  });

  it('a config that a pod refuses is told of the MTA', async () => {
    pods[1]!.refuses = 'the workers are on strike';
    await own.apply('MailDomain', 'struck', domainSpec('struck.example.test'));
    const { message } = await own.becomes('MTA', 'mta', 'Ready=False/ConfigRefused');
    expect(message).toContain('Pod mta-1 refuses');
    await own.told('MTA', 'mta', 'ConfigRefused');
    await own.becomes('MailDomain', 'struck', 'Programmed=False/ConfigRefused');
    await own.told('MailDomain', 'struck', 'ConfigRefused');
    pods[1]!.refuses = undefined;
    await flowsOn();
    await own.becomes('MTA', 'mta', 'Ready=True');
    await own.becomes('MailDomain', 'struck', 'Ready=True');
  });

  it('a change that no running pod can take, and for which nobody replaces them, with what to do', async () => {
    await own.apply('MTA', 'mta', { ...MTA, workers: 2, storage: { leaseTerm: '20s' } });
    const { message } = await own.becomes('MTA', 'mta', 'Ready=False/ConfigRefused');
    expect(message).toMatch(/queue can't change while the process runs: restart it with the new config$/);
    await own.apply('MTA', 'mta', { ...MTA, workers: 2 });
    await own.becomes('MTA', 'mta', 'Ready=True');
    await flowsOn();
  });

  it('is told once, also by an operator that is started anew', async () => {
    const credentials = { username: 'u', secretRef: { name: 'nowhere' } };
    await own.apply('MailRelay', 'out', relaySpec({ credentials }));
    await waitFor('it to be told', async () =>
      (await own.events('MailRelay', 'out')).some(({ note = '' }) => note.includes('Secret nowhere')),
    );
    const seen = async () =>
      (await own.events('MailRelay', 'out'))
        .map(({ metadata, series }) => `${metadata.name} ${series?.count ?? 1}`)
        .sort();
    const before = await seen();
    await operator.stop();
    await start();
    await flowsOn();
    await own.becomes('MailRelay', 'out', 'Ready=False/SecretNotFound');
    expect(await seen()).toEqual(before);
  });
});
