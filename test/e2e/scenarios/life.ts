/** Fleets grow and shrink while mail comes in, and one that holds mail is deleted. */
import { expect, it } from 'vitest';
import { VOLUME_CLAIMS } from '../../../operator/kube/resources.ts';
import { compose } from '../../chaos/account.ts';
import { SmtpClient } from '../../support/smtp-client.ts';
import { waitFor } from '../../support/wait.ts';
import { domain, FLEET, mta, NAMESPACE, OWN_VOLUMES, relay } from '../fleet.ts';
import type { Books } from '../servers.ts';
import { LOCAL_CLASS, makeLocalVolume } from '../volumes.ts';
import { fleetReady, podsOf, podsReady, serviceOf, underLoad, type World } from '../world.ts';

const HELD = 20;

export function life(world: () => World): void {
  const scale = (fleet: string, replicas: number) =>
    world().cluster.kubectl('scale', '--namespace', NAMESPACE, `mta/${fleet}`, `--replicas=${replicas}`);

  async function claims(fleet: string): Promise<string[]> {
    const { items } = await world().cluster.client.list(VOLUME_CLAIMS, {
      namespace: NAMESPACE,
      labelSelector: `app.kubernetes.io/instance=${fleet}`,
    });
    return items.map(({ metadata }) => metadata.name).sort();
  }

  /** Mail that no next hop takes yet, on each pod. */
  async function holdMail(fleet: string, { series, account }: Books): Promise<void> {
    const { servers, cluster } = world();
    servers.answering = false;
    for (const { metadata, status } of await podsOf(cluster, fleet)) {
      const { client } = await SmtpClient.connect(2525, status.podIP!);
      await client.command('EHLO client.test');
      for (let n = 1; n <= HELD; n += 1) {
        const [id, recipients] = [`${series}${metadata.name}-${n}`, [`a${n}@local.test`]];
        const reply = await client.send({
          from: 'anna@sender.test',
          to: recipients,
          content: compose(id, 500),
        });
        expect(reply.code).toBe(250);
        account.acknowledge(id, { kill: 0, recipients });
      }
      client.close();
    }
  }

  /** From one pod to three, and back, with mail on all of them that waits. */
  async function growAndShrink(fleet: string): Promise<void> {
    const { cluster, servers } = world();
    const totals = await underLoad(
      world(),
      async (_, books) => {
        await scale(fleet, 3);
        await podsReady(cluster, 3, fleet);
        await fleetReady(cluster, 'mta', fleet);
        await holdMail(fleet, books);
        await scale(fleet, 1);
        await podsReady(cluster, 1, fleet);
        servers.answering = true;
      },
      { host: await serviceOf(cluster, fleet) },
    );
    expect(totals).toMatchObject({ missing: [], duplicates: 0, damaged: [] });
    await fleetReady(cluster, 'mta', fleet);
  }

  it('a fleet with a shared volume grows and shrinks, and loses and doubles nothing', async () => {
    await scale(FLEET, 1);
    await podsReady(world().cluster, 1);
    await growAndShrink(FLEET);
    await scale(FLEET, 2);
    await podsReady(world().cluster, 2);
  });

  it('a fleet whose pods have volumes of their own does so too, and no volume stays that nobody needs', async () => {
    const { cluster, clients } = world();
    for (let n = 0; n < 4; n += 1) await makeLocalVolume(cluster, cluster.nodes[n % 2]!, `own-${n}`);
    const mtaRefs = [{ name: FLEET }, { name: OWN_VOLUMES }];
    await cluster.apply([
      mta(
        clients,
        { storage: { mode: 'PerReplica', storageClassName: LOCAL_CLASS }, replicas: 1 },
        OWN_VOLUMES,
      ),
      domain('local', 'local.test', 'inbox', { mtaRefs }),
      relay('everything', '*', 'smart-host', { mtaRefs }),
    ]);
    await fleetReady(cluster, 'mta', OWN_VOLUMES);
    await growAndShrink(OWN_VOLUMES);
    await waitFor('two volumes to be given back', async () => (await claims(OWN_VOLUMES)).length === 1, {
      timeoutMs: 60_000,
    });
  });

  it('one that is deleted delivers what it holds first, and takes nothing new', async () => {
    const { cluster, servers } = world();
    const books = servers.open();
    const service = await serviceOf(cluster, OWN_VOLUMES);
    await holdMail(OWN_VOLUMES, books);
    await cluster.kubectl('delete', '--namespace', NAMESPACE, `mta/${OWN_VOLUMES}`, '--wait=false');
    const which = ['--namespace', NAMESPACE, `mta/${OWN_VOLUMES}`];
    await cluster.kubectl(
      ...['wait', ...which, '--timeout=60s'],
      '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Terminating',
    );
    await waitFor('it to take nothing new', () => refuses(service), { timeoutMs: 60_000, everyMs: 200 });
    expect(books.account.missing).toBe(HELD);
    servers.answering = true;
    await cluster.kubectl('wait', '--for=delete', ...which, '--timeout=120s');
    expect(books.account.totals()).toMatchObject({ missing: [], duplicates: 0, damaged: [] });
    await waitFor('its pods and volumes to go', async () => {
      const [pods, volumes] = [await podsOf(cluster, OWN_VOLUMES), await claims(OWN_VOLUMES)];
      return pods.length + volumes.length === 0;
    });
  });
}

/** A connection that is not accepted, or a greeting that turns away. */
async function refuses(host: string): Promise<boolean> {
  try {
    const { client, greeting } = await SmtpClient.connect(25, host, 1000);
    client.close();
    return greeting.code !== 220;
  } catch {
    return true;
  }
}
