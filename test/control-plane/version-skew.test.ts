/** Pods that are a version older or newer than their operator: the stand-ins say which versions of a config they read, and take no other. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CONFIG_VERSION, type MtaConfig } from '../../mta/config.ts';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { OwnObject } from '../../operator/controllers/watched.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { CONFIG_MAPS, SECRETS } from '../../operator/kube/resources.ts';
import { configObjects } from '../../operator/objects/config.ts';
import type { Fleet } from '../../operator/objects/fleet.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import {
  domainName,
  LARGE_FLEET,
  type LargeFleet,
  type Size,
  startLargeFleet,
  tenantOf,
} from './support/large-fleet.ts';
import { runOperator } from './support/run-operator.ts';
import { settled } from './support/settled.ts';

const SIZE: Size = {
  ...{ domains: 4, relays: 1, tenants: 1, recipients: 1, policies: 1, bundleBytes: 1, pods: 2 },
};
const [BEFORE, NOW, AFTER] = [CONFIG_VERSION - 1, CONFIG_VERSION, CONFIG_VERSION + 1];

describeWithControlPlane('pods of another version', () => {
  let fleet: LargeFleet;
  let operator: Operator;

  beforeAll(async () => {
    fleet = await startLargeFleet(SIZE);
    await start();
    await fleet.startPods();
    await settled(fleet);
  });
  afterAll(async () => {
    await operator?.stop();
    await fleet?.stop();
  });

  async function start(): Promise<void> {
    operator = await runOperator(fleet.plane.transport());
  }
  /** Who reads what, from pod 0 on. */
  function read(...versions: readonly (readonly number[])[]): void {
    versions.forEach((reads, pod) => {
      fleet.pods[pod]!.reads = reads;
    });
  }
  const stored = async (): Promise<string[]> => {
    const { items } = await fleet.client.list(CONFIG_MAPS, { namespace: LARGE_FLEET.namespace });
    return items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
  };
  const programmed = (number: number) => {
    const { status } = fleet.own('MailDomain', domainName(number), tenantOf(number, SIZE)) as OwnObject;
    const conditions = status!['conditions'] as readonly { type: string; message: string }[];
    return conditions.find(({ type }) => type === 'Programmed')!;
  };

  it('newer ones read what this operator writes', async () => {
    read([NOW, AFTER], [NOW, AFTER]);
    await fleet.edit(0, 'newer');
    await settled(fleet);
  });

  it('older ones go on with what they have, are named, and keep what they would start with', async () => {
    await operator.stop();
    // As an operator of the version before has left it.
    const old = { ...fleet.pods[0]!.config!, version: BEFORE } as unknown as MtaConfig;
    const { metadata } = fleet.own('MTA', LARGE_FLEET.name)!;
    const objects = configObjects({ ...LARGE_FLEET, uid: metadata.uid! } as Fleet, old);
    for (const map of objects.configMaps) await fleet.client.apply(CONFIG_MAPS, map as unknown as KubeObject);
    for (const secret of objects.secrets) await fleet.client.apply(SECRETS, secret as unknown as KubeObject);
    const before = await stored();
    const revisions = fleet.pods.map(({ revision }) => revision);
    read([BEFORE], [BEFORE]);
    await fleet.edit(1, 'for-newer-ones');
    await start();
    const { message } = await waitFor('a pod to be named', () => {
      const condition = programmed(1);
      return condition.message.includes('reads version') ? condition : undefined;
    });
    expect(message).toContain(
      `it reads version ${BEFORE} of a config, and this operator writes version ${NOW}`,
    );
    expect(fleet.pods.map(({ revision }) => revision)).toEqual(revisions);
    expect(await stored()).toEqual(before);
  });

  it('one that is replaced gets the news, and the other keeps what it would start with', async () => {
    const before = await stored();
    const [first, second] = fleet.pods;
    const revision = second!.revision;
    read([BEFORE, NOW]);
    await waitFor('the first to have it', () => first!.revision > revision, { timeoutMs: 30_000 });
    expect(second!.revision).toBe(revision);
    expect(await stored()).toEqual(before);
    await waitFor('the other to be named', () => programmed(1).message.includes('Pod mta-1 '));
  });

  it('all is as it should be when the last one is replaced', async () => {
    read([BEFORE, NOW], [BEFORE, NOW]);
    await settled(fleet);
  });
});
