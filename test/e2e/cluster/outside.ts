/** A server outside of the cluster, which pods find as a Service by its name. */
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { SERVICES } from '../../../operator/kube/resources.ts';

const ENDPOINT_SLICES = {
  ...{ group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', kind: 'EndpointSlice' },
  namespaced: true,
} as const;

export interface Outside {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly ports: readonly {
    readonly port: number;
    readonly targetPort: number;
    readonly protocol: 'TCP' | 'UDP';
  }[];
  /** Of the Service; any where it isn't given. */
  readonly clusterIP?: string;
}

export async function serveOutside(client: KubeClient, outside: Outside): Promise<void> {
  const { namespace, name, address, ports, clusterIP } = outside;
  const nameOf = ({ port, protocol }: Outside['ports'][number]) => `${protocol.toLowerCase()}-${port}`;
  await client.apply(SERVICES, {
    metadata: { namespace, name },
    spec: {
      ports: ports.map((each) => ({ name: nameOf(each), ...each })),
      ...(clusterIP !== undefined && { clusterIP }),
    },
  } as KubeObject);
  await client.apply(ENDPOINT_SLICES, {
    metadata: { namespace, name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: ports.map((each) => ({ name: nameOf(each), port: each.targetPort, protocol: each.protocol })),
  } as KubeObject);
}
