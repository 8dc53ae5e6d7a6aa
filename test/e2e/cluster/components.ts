/** What a cluster has besides its API server and its nodes: the scheduler, the controllers and the DNS, on this machine. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeClient } from '../../../operator/kube/client.ts';
import { binary } from '../../control-plane/support/binaries.ts';
import type { ControlPlane, User } from '../../control-plane/support/control-plane.ts';
import { type Running, start } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { serveOutside } from './outside.ts';
import type { Places } from './places.ts';

/** To be started once the API server is ready: earlier they would wait for its roles. */
export function startControllers(plane: ControlPlane, { folder, logs }: Places): Running[] {
  const component = (name: string, user: User, ...args: readonly string[]) => {
    const kubeconfig = plane.kubeconfig(user);
    const flags = [
      ...['--kubeconfig', kubeconfig, '--authentication-kubeconfig', kubeconfig],
      ...['--authorization-kubeconfig', kubeconfig, '--leader-elect=false', '--secure-port=0', ...args],
    ];
    return start(binary(name), flags, join(logs, `${name}.log`), { cwd: folder });
  };
  return [
    component(
      ...(['kube-controller-manager', 'system:kube-controller-manager'] as const),
      ...['--root-ca-file', plane.files.authority],
      ...['--service-account-private-key-file', plane.files.serviceAccountKey],
      ...['--use-service-account-credentials=true', '--kube-api-qps=300', '--kube-api-burst=600'],
    ),
    component('kube-scheduler', 'system:kube-scheduler'),
  ];
}

/** CoreDNS, behind the Service that pods are told of. It forwards nothing: there is nobody to ask. */
export async function startDns(
  plane: ControlPlane,
  client: KubeClient,
  { folder, logs, gateway, dns }: Places,
): Promise<Running> {
  const corefile = join(folder, 'Corefile');
  writeFileSync(
    corefile,
    `.:53 {
  bind ${gateway}
  errors
  ready ${gateway}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${plane.kubeconfig('admin')}
    ttl 5
  }
  cache 5
}
`,
  );
  const running = start(binary('coredns'), ['-conf', corefile], join(logs, 'coredns.log'));
  await serveOutside(client, {
    ...{ namespace: 'kube-system', name: 'kube-dns', address: gateway, clusterIP: dns },
    ports: (['UDP', 'TCP'] as const).map((protocol) => ({ port: 53, targetPort: 53, protocol })),
  });
  await waitFor(
    'the DNS to be ready',
    async () => {
      if (running.ended() !== undefined) throw new Error(running.output());
      return (await fetch(`http://${gateway}:8181/ready`)).ok;
    },
    { timeoutMs: 30_000 },
  );
  return running;
}
