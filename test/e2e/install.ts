/** The operator in the cluster, with all that it may need: which rights are enough is another test's. */
import { kinds } from '../../crds/kinds.ts';
import { renderCrd } from '../../crds/render.ts';
import type { Cluster } from './cluster/cluster.ts';

export const OPERATOR_NAMESPACE = 'postrider';
export const OPERATOR = 'postrider-operator';

const labels = { 'app.kubernetes.io/name': 'postrider', 'app.kubernetes.io/component': 'operator' };
const metadata = { namespace: OPERATOR_NAMESPACE, name: OPERATOR };

const objects = (image: string): object[] => [
  ...kinds.map((kind) => renderCrd(kind)),
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: OPERATOR_NAMESPACE } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
  {
    ...{
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: OPERATOR },
    },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', ...metadata }],
  },
  {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: OPERATOR,
          containers: [
            {
              ...{ name: 'operator', image },
              command: ['/usr/bin/node', 'operator/main.ts', '--image', image],
              env: [{ name: 'POD_NAMESPACE', value: OPERATOR_NAMESPACE }],
              readinessProbe: { httpGet: { path: '/readyz', port: 8081 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  },
];

/** Resolves when the operator is ready. */
export async function install(cluster: Cluster, image: string): Promise<void> {
  await cluster.apply(objects(image), '--server-side');
  await operatorReady(cluster);
}

export async function operatorReady({ kubectl }: Cluster): Promise<void> {
  const which = ['--namespace', OPERATOR_NAMESPACE, `deployment/${OPERATOR}`];
  await kubectl('rollout', 'status', ...which, '--timeout=120s');
}
