/** An operator whose API server, or the way to it, is unwell: whatever happened, everything is as the resources say in the end. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { OwnObject } from '../../operator/controllers/watched.ts';
import { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { CONFIG_MAPS, OWN_KINDS, SERVICES } from '../../operator/kube/resources.ts';
import { loadCluster } from '../../operator/kube/transport.ts';
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
import { type ApiProxy, type Passing, startProxy } from './support/proxy.ts';
import { runOperator } from './support/run-operator.ts';
import { nothingIsWritten, settled } from './support/settled.ts';
import { writesBetween, writesSoFar } from './support/writes.ts';

const SIZE: Size = {
  ...{ domains: 40, relays: 8, tenants: 2, recipients: 3, policies: 2, bundleBytes: 1, pods: 3 },
};
const random = seeded(20);
const DOMAINS = OWN_KINDS.get('MailDomain')!;

describeWithControlPlane('an operator', () => {
  let fleet: LargeFleet;
  let proxy: ApiProxy;
  let operator: Operator;

  beforeAll(async () => {
    fleet = await startLargeFleet(SIZE);
    proxy = await startProxy(fleet.plane, 'operator');
    await start();
    await fleet.startPods();
    await settled(fleet);
  });
  beforeEach(() => settled(fleet));
  afterEach(() => {
    proxy.harm = undefined;
  });
  afterAll(async () => {
    await operator?.stop();
    await proxy?.stop();
    await fleet?.stop();
  });

  async function start(): Promise<void> {
    const transport = loadCluster(proxy.kubeconfig);
    operator = await runOperator(transport);
  }
  const any = (count: number): number => Math.floor(random.fraction() * count);
  /** Edits, each while the one before may still be on its way; not through the proxy. */
  async function edits(count: number, mark: string, between: () => unknown = () => undefined): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const { id, generation } = await fleet.edit(any(SIZE.domains), `${mark}-${i}`);
      await between();
      // Now and then the operator is given the time to be in the middle of something.
      if (i % 3 === 0) await waitForLoad(id, generation);
    }
  }
  const waitForLoad = (id: string, generation: number) =>
    waitFor(`a pod with ${id}`, () => (fleet.pods[0]!.config?.resources[id] ?? 0) >= generation, {
      timeoutMs: 60_000,
    });

  it('gets there though every third request is answered 409, 429 or 500, before or after it was done', async () => {
    const before = proxy.harmed;
    proxy.harm = ({ isWatch }: Passing) => {
      if (isWatch || any(3) !== 0) return undefined;
      if (any(3) === 0) return any(2) === 0 ? { kind: 'lose', status: 500 } : { kind: 'lose' };
      return { kind: 'refuse', status: [409, 429, 500][any(3)]!, retryAfter: any(2) };
    };
    await edits(20, 'harmed');
    proxy.harm = undefined;
    expect(proxy.harmed - before).toBeGreaterThan(10);
    await settled(fleet);
  });

  it('starts though every third request fails, lists among them', async () => {
    await operator.stop();
    const missed = await fleet.edit(1, 'missed');
    const before = proxy.harmed;
    proxy.harm = () => (any(3) === 0 ? { kind: 'refuse', status: 500 } : undefined);
    await start();
    await waitForLoad(missed.id, missed.generation);
    proxy.harm = undefined;
    expect(proxy.harmed).toBeGreaterThan(before);
    await settled(fleet);
  });

  it('misses nothing where watches are cut, in the middle of an event too', async () => {
    const before = proxy.harmed;
    proxy.harm = ({ isWatch }) => (isWatch ? { kind: 'cut', bytes: any(40_000) } : undefined);
    let cut = 0;
    await edits(20, 'cut', () => {
      cut += any(2) === 0 ? proxy.cutWatches() : 0;
    });
    proxy.harm = undefined;
    expect(cut).toBeGreaterThan(10);
    expect(proxy.harmed).toBeGreaterThan(before);
    await settled(fleet);
  });

  it('goes on where the API server is killed under it', async () => {
    await fleet.edit(any(SIZE.domains), 'before');
    await fleet.plane.killApiServer();
    await fleet.plane.startApiServer();
    await fleet.edit(any(SIZE.domains), 'after');
    await settled(fleet);
  });

  it('takes back what is its own, and leaves what others have added', async () => {
    const other = new KubeClient({
      transport: fleet.plane.transport(),
      clock: systemClock,
      fieldManager: 'somebody',
    });
    const metadata = (name: string) => ({ namespace: LARGE_FLEET.namespace, name });
    const service = metadata(LARGE_FLEET.name);
    const map = metadata(`${LARGE_FLEET.name}-config-0`);
    const domain = { namespace: tenantOf(0, SIZE), name: domainName(0) };
    const ready = fleet.own('MailDomain', domain.name, domain.namespace)!.status;
    await other.apply(SERVICES, {
      metadata: { ...service, annotations: { 'example.org/team': 'mail' } },
      spec: { selector: { 'app.kubernetes.io/instance': 'another' } },
    } as KubeObject);
    await other.apply(CONFIG_MAPS, { metadata: map, data: { 'config.json': '{}' } } as KubeObject);
    const conditions = ready!['conditions'] as readonly { readonly type: string }[];
    await other.apply(
      DOMAINS,
      {
        metadata: domain,
        status: { conditions: conditions.map((each) => ({ ...each, status: 'False', message: 'never' })) },
      } as OwnObject,
      { subresource: 'status' },
    );
    // Its watch may still pause after the one that was killed before this test.
    await waitFor(
      'the Service to be ours again',
      async () => {
        const found = await other.get<Service>(SERVICES, service);
        return found?.spec.selector['app.kubernetes.io/instance'] === LARGE_FLEET.name;
      },
      { timeoutMs: 60_000 },
    );
    await settled(fleet);
    expect((await other.get<Service>(SERVICES, service))?.metadata.annotations).toMatchObject({
      'example.org/team': 'mail',
    });
    expect((await other.get<OwnObject>(DOMAINS, domain))?.status?.['conditions']).toMatchObject(
      conditions.map(({ type }) => ({ type, status: 'True' })),
    );
  });

  it('goes on from what the pods have where its own record is gone', async () => {
    await operator.stop();
    const revision = fleet.pods[0]!.revision;
    const map = { namespace: LARGE_FLEET.namespace, name: `${LARGE_FLEET.name}-config-0` };
    await fleet.client.delete(CONFIG_MAPS, map);
    await fleet.edit(2, 'while-it-was-away');
    await start();
    await settled(fleet);
    expect(fleet.pods[0]!.revision).toBeGreaterThan(revision);
  });

  it('does not take what another has brought to the pods for its own, though it has the same number', async () => {
    await operator.stop();
    // Of one that ended before its record of it was written, or whose record this one has not seen yet.
    const { revision, ...others } = fleet.pods[0]!.config!;
    for (const pod of fleet.pods) pod.load({ ...others, revision: revision + 1, id: 'theirs', domains: [] });
    await fleet.edit(3, 'after-theirs');
    await start();
    await settled(fleet);
    expect(fleet.pods[0]!.revision).toBeGreaterThan(revision + 1);
  });

  it('has nothing to write when it is started anew, after all of that', async () => {
    await operator.stop();
    const ask = fleet.plane.transport();
    const before = await writesSoFar(ask);
    await start();
    await nothingIsWritten(fleet);
    expect(writesBetween(before, await writesSoFar(ask))).toEqual({});
    await settled(fleet);
  });
});

type Service = KubeObject & { readonly spec: { readonly selector: Readonly<Record<string, string>> } };
