/** What the scenarios have in common: a cluster with the product in it, a fleet that is ready, and servers that take its mail. */
import type { KubeObject } from '../../operator/kube/resource.ts';
import { NAMESPACES, PODS, SERVICES } from '../../operator/kube/resources.ts';
import type { Totals } from '../chaos/account.ts';
import { type Load, startLoad } from '../chaos/load.ts';
import { OwnKinds } from '../control-plane/support/own-kinds.ts';
import { selfSigned } from '../support/tls.ts';
import { sleep, waitFor } from '../support/wait.ts';
import { type Cluster, startCluster } from './cluster/cluster.ts';
import type { ClusterNode } from './cluster/node.ts';
import {
  certificateSecret,
  domain,
  FLEET,
  HOSTNAME,
  mta,
  NAMESPACE,
  passwordSecret,
  relay,
  user,
} from './fleet.ts';
import { productImage } from './image/images.ts';
import { install } from './install.ts';
import { type Books, type Servers, startServers } from './servers.ts';
import { makeSharedVolume } from './volumes.ts';

export interface World {
  readonly cluster: Cluster;
  readonly servers: Servers;
  /** Of the namespace of the tests. */
  readonly kinds: OwnKinds;
  /** Of the operator and the mta; each node has it. */
  readonly image: string;
  /** Address of the fleet's Service. */
  readonly service: string;
  /** Clients of this machine come from here: through a node to a pod of another, or of its own. */
  readonly clients: readonly string[];
  stop(): Promise<void>;
}

export interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number }[];
  };
}

export async function startWorld(): Promise<World> {
  const cluster = await startCluster();
  let servers: Servers | undefined;
  const stop = async () => {
    await servers?.close();
    await cluster.stop();
  };
  try {
    const { image, archive } = await productImage(cluster.images, cluster.places.folder);
    await cluster.load(archive);
    await install(cluster, image);
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await cluster.client.create(NAMESPACES, { metadata: { name: NAMESPACE, labels } });
    await makeSharedVolume(cluster, 'queue');
    servers = await startServers(cluster, NAMESPACE);
    const clients = [cluster.places.network, cluster.places.pods];
    await cluster.apply([
      certificateSecret(await selfSigned(HOSTNAME)),
      passwordSecret('first password'),
      mta(clients),
      user('app-password'),
      domain('local', 'local.test', 'inbox'),
      relay('everything', '*', 'smart-host'),
    ]);
    await fleetReady(cluster);
    const kinds = new OwnKinds(cluster.client);
    return { cluster, servers, kinds, image, service: await serviceOf(cluster, FLEET), clients, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As a person would wait for it. */
export async function fleetReady({ kubectl }: Cluster, kind = 'mta', name = FLEET): Promise<void> {
  const which = ['--namespace', NAMESPACE, `${kind}/${name}`];
  await kubectl('wait', '--for=condition=Ready', ...which, '--timeout=120s');
}

/** Address of a fleet's Service. */
export async function serviceOf({ client }: Cluster, name: string, namespace = NAMESPACE): Promise<string> {
  type Service = KubeObject & { readonly spec: { readonly clusterIP: string } };
  return (await client.get<Service>(SERVICES, { namespace, name }))!.spec.clusterIP;
}

export async function podsOf({ client }: Cluster, fleet = FLEET): Promise<Pod[]> {
  const { items } = await client.list<Pod>(PODS, {
    namespace: NAMESPACE,
    labelSelector: `app.kubernetes.io/instance=${fleet}`,
  });
  return [...items].sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
}

export const isReady = ({ status, metadata }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;

/** Resolves with them when there are as many, and all are ready. */
export const podsReady = (cluster: Cluster, count = 2, fleet = FLEET): Promise<Pod[]> =>
  waitFor(
    `${count} pods to be ready`,
    async () => {
      const pods = await podsOf(cluster, fleet);
      return pods.length === count && pods.every(isReady) && pods;
    },
    { timeoutMs: 120_000, everyMs: 200 },
  );

export const nodeOf = ({ nodes }: Cluster, { spec }: Pod): ClusterNode =>
  nodes.find(({ name }) => name === spec.nodeName)!;

/** Longer than a lease, and than the pause before an attempt. */
const QUIET_MS = 12_000;

/** Clients that hand mail to the fleet's Service while `during` goes on. Resolves when all of it has arrived, with what came of it. */
export async function underLoad(
  { servers, service }: World,
  during: (load: Load, books: Books) => Promise<void>,
  { sessions = 4, pauseMs = 20, host = service }: { sessions?: number; pauseMs?: number; host?: string } = {},
): Promise<Totals> {
  const books = servers.open();
  const { account } = books;
  const load = startLoad({ ...{ ports: [25], host, sessions, pauseMs, ...books }, kills: () => 0 });
  try {
    await waitFor('some mail to have been handed in', () => load.sent > 50);
    await during(load, books);
  } finally {
    await load.stop();
  }
  await waitFor('all of it to arrive', () => account.missing === 0, { timeoutMs: 120_000 }).catch(
    // What is missing is told by name.
    () => undefined,
  );
  // Whatever is still under way, of which there should be nothing, would be one copy more.
  await sleep(QUIET_MS);
  const totals = account.totals();
  const refusals = [...load.refused.keys()].filter((code) => code >= 500);
  if (refusals.length > 0) throw new Error(`mail was refused with ${refusals.join(', ')}`);
  if (totals.acknowledged < 50) throw new Error(`just ${totals.acknowledged} recipients were accepted`);
  return totals;
}
