/**
 * Shapes of Kubernetes' own objects. Those of the client library are types alone, which cost nothing where they are used; where it gives a
 * member another name than JSON has (`from`), the shape is ours.
 */
import type { V1LabelSelector, V1ObjectMeta } from '@kubernetes/client-node';

export type {
  V1ConfigMap as ConfigMap,
  V1Container as Container,
  V1PersistentVolumeClaim as PersistentVolumeClaim,
  V1PodDisruptionBudget as PodDisruptionBudget,
  V1PodTemplateSpec as PodTemplate,
  V1Secret as Secret,
  V1Service as Service,
  V1ServiceAccount as ServiceAccount,
  V1ServicePort as ServicePort,
  V1StatefulSet as StatefulSet,
  V1Volume as Volume,
} from '@kubernetes/client-node';

interface NetworkPolicyPeer {
  readonly namespaceSelector?: V1LabelSelector;
  readonly podSelector?: V1LabelSelector;
}

export interface NetworkPolicy {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: V1ObjectMeta;
  readonly spec: {
    readonly podSelector: V1LabelSelector;
    readonly policyTypes: readonly ('Ingress' | 'Egress')[];
    readonly ingress: readonly {
      readonly ports: readonly { readonly protocol: string; readonly port: number }[];
      /** Everybody where absent. */
      readonly from?: readonly NetworkPolicyPeer[];
    }[];
  };
}
