/** The operator in the cluster, by its chart, in a namespace that enforces the Pod Security Standard `restricted`. */
import { CHART, helmOk, sets } from '../control-plane/support/helm.ts';
import type { Cluster } from './cluster/cluster.ts';

export const OPERATOR_NAMESPACE = 'postrider';
export const OPERATOR = 'postrider-operator';
const RELEASE = 'postrider';

const NAMESPACE = {
  ...{ apiVersion: 'v1', kind: 'Namespace' },
  metadata: {
    name: OPERATOR_NAMESPACE,
    labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
  },
};

/** Resolves when the operator is ready. */
export async function install(cluster: Cluster, image: string): Promise<void> {
  await cluster.apply([NAMESPACE], '--server-side');
  const [repository, tag] = image.split(':');
  // No registry can be reached: the nodes have it.
  const values = [`image.repository=${repository}`, `image.tag=${tag}`, 'image.pullPolicy=Never'];
  await helmOk('install', RELEASE, CHART, ...on(cluster), ...sets(values), '--wait', '--timeout', '110s');
}

/** CRDs, and with them all fleets, stay. */
export async function uninstall(cluster: Cluster): Promise<void> {
  await helmOk('uninstall', RELEASE, ...on(cluster), '--wait', '--timeout', '110s');
}

const on = ({ kubeconfig }: Cluster) => ['--kubeconfig', kubeconfig, '--namespace', OPERATOR_NAMESPACE];

export async function operatorReady({ kubectl }: Cluster): Promise<void> {
  const which = ['--namespace', OPERATOR_NAMESPACE, `deployment/${OPERATOR}`];
  await kubectl('rollout', 'status', ...which, '--timeout=120s');
}
