/** The operator as processes: one leads, another waits, and takes over. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { NAMESPACES, OWN_KINDS, STATEFUL_SETS } from '../../operator/kube/resources.ts';
import { run } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { OPERATOR_MAIN, type OperatorProcess, startOperator } from './support/operator-process.ts';

describeWithControlPlane('two operators', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  const started: OperatorProcess[] = [];

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    await installCrds(client);
    for (const name of ['postrider', 'mail']) await client.create(NAMESPACES, { metadata: { name } });
  });
  afterAll(async () => {
    await Promise.all(started.map(({ running }) => running.kill9()));
    await plane?.stop();
  });

  async function operator(): Promise<OperatorProcess> {
    const one = await startOperator(plane.kubeconfig());
    started.push(one);
    await one.ready();
    return one;
  }
  /** By name with labels. */
  async function metricsOf({ port }: OperatorProcess): Promise<Record<string, number>> {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const samples = [...text.matchAll(/^(postrider_operator_\S+) (\S+)$/gm)];
    return Object.fromEntries(samples.map(([, name, value]) => [name!, Number(value)]));
  }
  /** The leader makes what an MTA is made of. */
  async function works(name: string): Promise<void> {
    await client.apply(OWN_KINDS.get('MTA')!, {
      metadata: { namespace: 'mail', name },
      spec: {
        hostname: 'mail.example.test',
        listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
      },
    } as KubeObject);
    await waitFor(`the pods of ${name}`, () => client.get(STATEFUL_SETS, { namespace: 'mail', name }));
  }

  it('are both ready, and one of them works', async () => {
    const one = await operator();
    await waitFor('one to lead', () => one.leads());
    await works('first');
    const two = await operator();
    expect(two.leads()).toBe(false);
    expect(await metricsOf(one)).toMatchObject({ postrider_operator_leader: 1 });
    expect(await metricsOf(two)).toMatchObject({ postrider_operator_leader: 0 });
    for (const each of [one, two]) {
      const age = (await metricsOf(each))['postrider_operator_watch_age_seconds{resource="mtas"}'];
      expect(age).toBeLessThan(120);
    }
    expect(await metricsOf(one)).toMatchObject({
      'postrider_operator_api_requests_total{verb="apply",resource="statefulsets",code="201"}': 1,
      'postrider_operator_reconcile_seconds_count{controller="fleet"}': expect.any(Number),
    });
    expect(one.running.ended()).toBeUndefined();
  });

  it('the other one goes on where the first was killed', async () => {
    const [one, two] = started;
    await one!.running.kill9();
    await waitFor('the other one to lead', () => two!.leads(), { timeoutMs: 60_000 });
    await works('second');
  });

  it('one that is told to stop lets go, and the next one leads at once', async () => {
    const [, two] = started;
    const three = await operator();
    await two!.running.stop('SIGTERM');
    expect(two!.running.ended()).toBe(0);
    await waitFor('the next one to lead', () => three.leads(), { timeoutMs: 10_000 });
    await works('third');
  });

  it('does not start with flags that it does not know, and says which there are', async () => {
    const { code, stderr } = await run(process.execPath, [OPERATOR_MAIN, '--replicas', '3']);
    expect(code).toBe(64);
    expect(stderr).toContain('usage: node operator/main.ts --image IMAGE');
    expect((await run(process.execPath, [OPERATOR_MAIN, '--help'])).stdout).toContain('--own-namespace');
  });
});
