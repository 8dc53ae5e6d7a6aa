/** What a fleet asks of the cluster around it: who may reach its pods, how many may be away at once, under which account they run. Pure. */
import type { NetworkPolicy, PodDisruptionBudget, ServiceAccount } from '../kube/types.ts';
import { type Fleet, metadataOf, names, POD_PORTS, type PodSettings, selectorOf } from './fleet.ts';

/** Without a token: the mta never speaks with the API server. */
export function serviceAccount(fleet: Fleet): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadataOf(fleet, names.serviceAccount(fleet)),
    automountServiceAccountToken: false,
  };
}

/** One at a time. A pod that is not ready may always go: keeping it helps nobody. */
export function disruptionBudget(fleet: Fleet): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(fleet, names.disruptionBudget(fleet)),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorOf(fleet) },
    },
  };
}

/**
 * Listeners and health are for everybody: who may relay is the mta's own business, and probes come from nodes. The control port is the
 * operator's, the fleet channel the pods' own. Both ask for certificates besides.
 */
export function networkPolicy(fleet: Fleet, { operator }: PodSettings): NetworkPolicy {
  const tcp = (...ports: readonly number[]) => ports.map((port) => ({ protocol: 'TCP', port }));
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(fleet, names.networkPolicy(fleet)),
    spec: {
      podSelector: { matchLabels: selectorOf(fleet) },
      policyTypes: ['Ingress'],
      ingress: [
        { ports: tcp(...fleet.spec.listeners.map(({ port }) => port), POD_PORTS.health) },
        {
          ports: tcp(POD_PORTS.control),
          from: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operator.namespace } },
              podSelector: { matchLabels: { ...operator.labels } },
            },
          ],
        },
        { ports: tcp(POD_PORTS.peers), from: [{ podSelector: { matchLabels: selectorOf(fleet) } }] },
      ],
    },
  };
}
