/** The resources that the operator reads or writes. What is not here needs no RBAC. */
import { GROUP, VERSION } from '../../crds/kind.ts';
import { kinds } from '../../crds/kinds.ts';
import type { ResourceType } from './resource.ts';

const builtIn = (group: string, version: string, plural: string, kind: string, namespaced = true) =>
  ({ group, version, plural, kind, namespaced }) as const satisfies ResourceType;

export const LEASES = builtIn('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const CONFIG_MAPS = builtIn('', 'v1', 'configmaps', 'ConfigMap');
export const SECRETS = builtIn('', 'v1', 'secrets', 'Secret');
export const PODS = builtIn('', 'v1', 'pods', 'Pod');
export const SERVICES = builtIn('', 'v1', 'services', 'Service');
export const SERVICE_ACCOUNTS = builtIn('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const VOLUME_CLAIMS = builtIn('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const STATEFUL_SETS = builtIn('apps', 'v1', 'statefulsets', 'StatefulSet');
export const DISRUPTION_BUDGETS = builtIn('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const NETWORK_POLICIES = builtIn('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy');
export const EVENTS = builtIn('events.k8s.io', 'v1', 'events', 'Event');
export const NAMESPACES = builtIn('', 'v1', 'namespaces', 'Namespace', false);

export const CERTIFICATES = builtIn('cert-manager.io', 'v1', 'certificates', 'Certificate');
export const POD_MONITORS = builtIn('monitoring.coreos.com', 'v1', 'podmonitors', 'PodMonitor');
export const PROMETHEUS_RULES = builtIn('monitoring.coreos.com', 'v1', 'prometheusrules', 'PrometheusRule');

/** Of others, who needn't be installed, and what is to be installed for each. */
export const OPTIONAL: ReadonlyMap<ResourceType, string> = new Map([
  [CERTIFICATES, 'cert-manager'],
  [POD_MONITORS, 'the Prometheus operator'],
  [PROMETHEUS_RULES, 'the Prometheus operator'],
]);

/** Our kinds, by name. */
export const OWN_KINDS: ReadonlyMap<string, ResourceType> = new Map(
  kinds.map(({ kind, plural }) => [kind, { group: GROUP, version: VERSION, plural, kind, namespaced: true }]),
);
