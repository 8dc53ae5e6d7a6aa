/**
 * A whole Kubernetes on this machine, with two nodes: nothing of it is simulated, and nothing downloaded. The control plane and
 * the shared storage are processes of this machine; each node has namespaces of its own (node.ts). It ends with this process;
 * what a killed one leaves is taken away by the next, or by `main.ts down`. Needs root.
 */
import { join } from 'node:path';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { SERVICE_ACCOUNTS } from '../../../operator/kube/resources.ts';
import { binary } from '../../control-plane/support/binaries.ts';
import {
  type ControlPlane,
  startControlPlane,
  type User,
} from '../../control-plane/support/control-plane.ts';
import { runOk } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { pauseImage } from '../image/images.ts';
import { claimPlaces } from './claim.ts';
import { startControllers, startDns } from './components.ts';
import { ImageStore } from './images.ts';
import { makeBridge, routeServices } from './network.ts';
import { ClusterNode } from './node.ts';
import type { Places } from './places.ts';
import { removeCluster } from './remains.ts';
import { startStorage } from './storage.ts';

export interface Cluster {
  readonly places: Places;
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  /** File of the administrator. */
  readonly kubeconfig: string;
  readonly nodes: readonly [ClusterNode, ClusterNode];
  readonly images: ImageStore;
  /** Rejects where it fails. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** `kubectl apply`. */
  apply(objects: readonly object[], ...args: readonly string[]): Promise<void>;
  /** Brings an image's archive to each node. */
  load(archive: string): Promise<void>;
  /** Starts a node that was killed again, and waits until it is ready. */
  restart(node: ClusterNode): Promise<void>;
  stop(): Promise<void>;
}

const NODES = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false } as const;

interface NodeObject extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime: string;
    }[];
  };
}

export async function startCluster(onProgress: (text: string) => void = () => {}): Promise<Cluster> {
  const places = await claimPlaces();
  try {
    return await bringUp(places, onProgress);
  } catch (error) {
    await removeCluster(places);
    throw error;
  }
}

async function bringUp(places: Places, onProgress: (text: string) => void): Promise<Cluster> {
  const began = performance.now();
  const done = (what: string) => onProgress(`${((performance.now() - began) / 1000).toFixed(1)} s: ${what}`);
  const images = new ImageStore(join(places.folder, 'builds'));
  await makeBridge(places);
  const [plane, storage, pause] = await Promise.all([
    startControlPlane({
      ...{ address: places.gateway, services: places.services, isWhole: true, parent: places.folder },
    }),
    startStorage(places),
    pauseImage(images, places.folder),
  ]);
  done('API server and storage are ready');
  const client = plane.client();
  const kubeconfig = plane.kubeconfig();
  startControllers(plane, places);
  const [one, two] = places.nodes.map((node) => {
    const user: User = `system:node:${node.name}`;
    return new ClusterNode({
      ...{ places, node, volfile: storage.volfile, programs: join(binary('kubelet'), '..'), pause },
      kubeconfigs: { kubelet: plane.kubeconfig(user), kubeProxy: plane.kubeconfig('system:kube-proxy') },
    });
  });
  const nodes = [one!, two!] as const;
  await Promise.all(nodes.map((node) => node.start()));
  await routeServices(places, places.nodes[0]!);
  await startDns(plane, client, places);
  done('DNS is ready');
  await Promise.all(nodes.map(({ name }) => isReady(client, name)));
  await waitFor('the controllers', () => hasAccount(client), { timeoutMs: 60_000, everyMs: 100 });
  done('nodes are ready');

  const kubectl = (args: readonly string[], input?: string) =>
    runOk(binary('kubectl'), ['--kubeconfig', kubeconfig, ...args], {
      timeoutMs: 600_000,
      ...(input !== undefined && { input }),
    });
  return {
    ...{ places, plane, client, kubeconfig, nodes, images },
    kubectl: (...args) => kubectl(args),
    async apply(objects, ...args) {
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      await kubectl(['apply', ...args, '--filename', '-'], JSON.stringify(list));
    },
    async load(archive) {
      await Promise.all(nodes.map((node) => node.ctr('images', 'import', archive)));
    },
    async restart(node) {
      const began = Math.floor(Date.now() / 1000) * 1000;
      await node.start();
      // It may have been away for too short a while for anybody to notice.
      await isReady(client, node.name, began);
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await plane.stop();
      await removeCluster(places);
    },
  };
}

/** @param since ms since the epoch: it has said so after that */
async function isReady(client: KubeClient, name: string, since = 0): Promise<void> {
  await waitFor(
    `${name} to be ready`,
    async () => {
      const node = await client.get<NodeObject>(NODES, { name });
      return node?.status?.conditions?.some(
        ({ type, status, lastHeartbeatTime }) =>
          type === 'Ready' && status === 'True' && Date.parse(lastHeartbeatTime) >= since,
      );
    },
    { timeoutMs: 90_000, everyMs: 100 },
  );
}

/** The one that pods have which name none: a controller makes it in each namespace. */
async function hasAccount(client: KubeClient): Promise<boolean> {
  return (await client.get(SERVICE_ACCOUNTS, { namespace: 'default', name: 'default' })) !== undefined;
}
