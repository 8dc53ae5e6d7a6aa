/** The operator is away, and mail flows; it comes back, and does what was asked meanwhile. */
import { expect, it } from 'vitest';
import { SmtpClient } from '../../support/smtp-client.ts';
import { waitFor } from '../../support/wait.ts';
import { domain } from '../fleet.ts';
import { install, OPERATOR, OPERATOR_NAMESPACE, operatorReady, uninstall } from '../install.ts';
import { fleetReady, type Pod, podsOf, podsReady, underLoad, type World } from '../world.ts';

const AWAY_MS = 20_000;
/** Waits for its pods to have gone. */
const gone = ['wait', '--for=delete', '--namespace', OPERATOR_NAMESPACE, 'pod', '--all', '--timeout=60s'];

export function operatorIsAway(world: () => World): void {
  it('mail flows while it is away, also through a pod that starts meanwhile', async () => {
    const { cluster, service } = world();
    const scale = (replicas: number) =>
      cluster.kubectl(
        ...['scale', '--namespace', OPERATOR_NAMESPACE, `deployment/${OPERATOR}`, `--replicas=${replicas}`],
      );
    const totals = await underLoad(world(), async (load) => {
      const began = performance.now();
      await scale(0);
      await cluster.kubectl(...gone);
      await cluster.apply([domain('meanwhile', 'meanwhile.test', 'inbox')]);
      const [pod] = await podsReady(cluster);
      await cluster.kubectl('delete', 'pod', '--namespace', pod!.metadata.namespace!, pod!.metadata.name);
      await waitFor(
        'another pod in its place',
        async () => (await podsOf(cluster)).every(({ metadata }) => metadata.uid !== pod!.metadata.uid),
        { timeoutMs: 60_000 },
      );
      await podsReady(cluster);
      const before = load.sent;
      await waitFor('more mail', () => load.sent > before + 50 && performance.now() - began > AWAY_MS, {
        timeoutMs: 60_000,
      });
      await scale(2);
      await operatorReady(cluster);
    });
    expect(totals).toMatchObject({ missing: [], duplicates: 0, damaged: [] });
    await fleetReady(cluster, 'maildomain', 'meanwhile');
    const { client } = await SmtpClient.connect(25, service);
    await client.command('EHLO client.test');
    await client.command('MAIL FROM:<anna@sender.test>');
    expect((await client.command('RCPT TO:<bob@meanwhile.test>')).code).toBe(250);
    client.close();
  });

  it('the product is uninstalled and installed again, and fleets and their mail know nothing of it', async () => {
    const { cluster, image } = world();
    const before = await podsReady(cluster);
    const totals = await underLoad(world(), async (load) => {
      await uninstall(cluster);
      await cluster.kubectl(...gone);
      const sent = load.sent;
      await waitFor('more mail', () => load.sent > sent + 50, { timeoutMs: 60_000 });
      await install(cluster, image);
      await fleetReady(cluster);
    });
    expect(totals).toMatchObject({ missing: [], duplicates: 0, damaged: [] });
    const uids = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.uid);
    expect(uids(await podsReady(cluster))).toEqual(uids(before));
  });
}
