/**
 * Shapes of Kubernetes' own objects. Those of the client library are types alone, which cost nothing where they are used; where it gives a
 * member another name than JSON has (`from`), the shape is ours.
 */
import type { V1LabelSelector, V1ObjectMeta } from '@kubernetes/client-node';

export type {
  V1ConfigMap as ConfigMap,
  V1Container as Container,
  V1LabelSelector as LabelSelector,
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

export interface NetworkPolicyPeer {
  readonly namespaceSelector?: V1LabelSelector;
  readonly podSelector?: V1LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
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

/** cert-manager's, as far as we write it. */
export interface Certificate {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: V1ObjectMeta;
  readonly spec: {
    readonly secretName: string;
    readonly dnsNames: readonly string[];
    readonly issuerRef: { readonly name: string; readonly kind: string; readonly group: string };
    readonly privateKey: {
      readonly algorithm?: 'ECDSA';
      readonly size?: number;
      readonly rotationPolicy: 'Always' | 'Never';
    };
    readonly usages: readonly string[];
  };
}

/** The Prometheus operator's, as far as we write them. */
export interface PodMonitor {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: V1ObjectMeta;
  readonly spec: {
    readonly selector: V1LabelSelector;
    readonly podMetricsEndpoints: readonly {
      readonly port: string;
      readonly path: string;
      readonly interval?: string;
    }[];
  };
}

export interface PrometheusRule {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: V1ObjectMeta;
  readonly spec: {
    readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
  };
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
