/** What a fleet asks of the cluster around it: who may reach its pods, how many may be away at once, under which account they run. Pure. */
import type { Peer } from '../../crds/mta-metrics.ts';
import type {
  LabelSelector,
  NetworkPolicy,
  NetworkPolicyPeer,
  PodDisruptionBudget,
  ServiceAccount,
} from '../kube/types.ts';
import { type Fleet, metadataOf, names, POD_PORTS, type PodSettings, selectorOf } from './fleet.ts';
import { withPrefix } from './networks.ts';

/** Without a token: the mta never speaks with the API server. */
export function serviceAccount(fleet: Fleet): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadataOf(fleet, names.serviceAccount(fleet)),
    automountServiceAccountToken: false,
  };
}

/** A pod that is not ready may always go: keeping it helps nobody. */
export function disruptionBudget(fleet: Fleet): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(fleet, names.disruptionBudget(fleet)),
    spec: {
      maxUnavailable: fleet.spec.maxUnavailable,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorOf(fleet) },
    },
  };
}

/**
 * Listeners, and the web port, are for everybody: who may relay is the mta's own business. Health and metrics are for whom the MTA names; probes come from
 * the pod's own node, which no policy keeps out. The control port is the operator's, the fleet channel the pods' own. Both ask for
 * certificates besides.
 */
export function networkPolicy(fleet: Fleet, { operator }: PodSettings): NetworkPolicy {
  const tcp = (...ports: readonly number[]) => ports.map((port) => ({ protocol: 'TCP', port }));
  const { listeners, metrics, web } = fleet.spec;
  const everybody = [
    ...listeners.map(({ port }) => port),
    ...(web === undefined ? [] : [web.port]),
    ...(metrics.from === undefined ? [POD_PORTS.health] : []),
  ];
  // An empty list of peers is everybody, to Kubernetes: who names nobody has no rule.
  const readers = (metrics.from ?? []).map(peerOf);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(fleet, names.networkPolicy(fleet)),
    spec: {
      podSelector: { matchLabels: selectorOf(fleet) },
      policyTypes: ['Ingress'],
      ingress: [
        { ports: tcp(...everybody) },
        ...(readers.length > 0 ? [{ ports: tcp(POD_PORTS.health), from: readers }] : []),
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

function peerOf({ ipBlock, namespaceSelector, podSelector }: Peer): NetworkPolicyPeer {
  if (ipBlock !== undefined) {
    const { cidr, except } = ipBlock;
    const excepted = except.length > 0 && { except: except.map(withPrefix) };
    return { ipBlock: { cidr: withPrefix(cidr), ...excepted } };
  }
  return {
    ...(namespaceSelector !== undefined && { namespaceSelector: selecting(namespaceSelector) }),
    ...(podSelector !== undefined && { podSelector: selecting(podSelector) }),
  };
}

/** As the API server writes it back: without empty lists of values. */
function selecting({ matchLabels, matchExpressions }: NonNullable<Peer['podSelector']>): LabelSelector {
  return {
    ...(matchLabels !== undefined && { matchLabels: { ...matchLabels } }),
    ...(matchExpressions !== undefined && {
      matchExpressions: matchExpressions.map(({ key, operator, values }) => ({
        ...{ key, operator },
        ...(values.length > 0 && { values: [...values] }),
      })),
    }),
  };
}
