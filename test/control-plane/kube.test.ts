import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import { systemRandom } from '../../mta/random.ts';
import { Leader } from '../../operator/kube/leader.ts';
import { Reflector } from '../../operator/kube/reflector.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { LEASES, NAMESPACES, SECRETS } from '../../operator/kube/resources.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';

describeWithControlPlane('over a real API server', () => {
  let plane: ControlPlane;

  beforeAll(async () => {
    plane = await startControlPlane();
    await plane.client().create(NAMESPACES, { metadata: { name: 'mail' } });
  });
  afterAll(() => plane?.stop());

  const secret = (name: string, value: string): KubeObject & { data: Record<string, string> } => ({
    metadata: { namespace: 'mail', name },
    data: { value: Buffer.from(value).toString('base64') },
  });

  it('a reflector has what there is, though the API server is killed twice', async () => {
    const client = plane.client();
    const reflector = new Reflector<ReturnType<typeof secret>>(
      { client, clock: systemClock, random: systemRandom, onFailure: () => undefined },
      SECRETS,
      { namespace: 'mail' },
    );
    const seen = async (name: string, value: string | undefined) => {
      const wanted = value === undefined ? undefined : Buffer.from(value).toString('base64');
      await waitFor(
        `${name} to be ${value}`,
        () => (reflector.cache.get(`mail/${name}`)?.data['value'] === wanted ? true : undefined),
        { timeoutMs: 60_000 },
      );
    };
    await client.apply(SECRETS, secret('a', '1'));
    reflector.start();
    try {
      await seen('a', '1');
      for (const round of [1, 2]) {
        await client.apply(SECRETS, secret('a', `before ${round}`));
        await seen('a', `before ${round}`);
        await client.apply(SECRETS, secret('b', `${round}`));
        await seen('b', `${round}`);
        await plane.killApiServer();
        await plane.startApiServer();
        await client.apply(SECRETS, secret('a', `after ${round}`));
        await client.delete(SECRETS, { namespace: 'mail', name: 'b' });
        await seen('a', `after ${round}`);
        await seen('b', undefined);
      }
    } finally {
      await reflector.stop();
    }
  });

  it('of many processes one leads at a time, and each in its turn', async () => {
    const lease = { namespace: 'mail', name: 'operator' };
    const leading = new Set<string>();
    const led: string[] = [];
    const leaders = Array.from({ length: 5 }, (_, i) => {
      const identity = `process-${i}`;
      const leader = new Leader({
        ...{ client: plane.client(), clock: systemClock, random: systemRandom, lease, identity },
        times: { termMs: 3000, retryMs: 100 },
        onFailure: () => undefined,
      });
      const over = leader.run(async (signal) => {
        leading.add(identity);
        led.push(identity);
        expect(leading.size).toBe(1);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        leading.delete(identity);
      });
      return { identity, leader, over };
    });
    for (let turn = 1; turn <= leaders.length; turn += 1) {
      await waitFor(`leader ${turn}`, () => led.length === turn);
      const current = leaders.find(({ identity }) => identity === led.at(-1))!;
      current.leader.stop();
      await current.over;
    }
    expect(new Set(led).size).toBe(leaders.length);
    const found = await plane.client().get<KubeObject & { spec: Record<string, unknown> }>(LEASES, lease);
    expect(found?.spec['leaseTransitions']).toBe(leaders.length - 1);
    expect(found?.spec['holderIdentity']).toBeFalsy();
  });
});
