/**
 * A real API server over a real etcd, with RBAC. Users are told apart by a bearer token that is their name; `admin` may do
 * everything, those of Kubernetes' own components what it gives them, everybody else what a test gives them.
 */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../mta/clock.ts';
import { KubeClient } from '../../../operator/kube/client.ts';
import { loadCluster, type Transport } from '../../../operator/kube/transport.ts';
import { certificateAuthority } from '../../support/authority.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { freePort } from '../../support/ports.ts';
import { type Running, start } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { binary } from './binaries.ts';

/** With their groups. */
const USERS = {
  admin: ['system:masters'],
  operator: [],
  tenant: [],
  'system:kube-controller-manager': [],
  'system:kube-scheduler': [],
  'system:kube-proxy': [],
  'system:node:node1': ['system:nodes'],
  'system:node:node2': ['system:nodes'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type User = keyof typeof USERS;

export interface ControlPlaneOptions {
  /** Address that the API server listens on. */
  readonly address: string;
  /** Addresses of Services: a CIDR, of which the first one is that of the API server. */
  readonly services: string;
  /** Whether nodes and controllers will come: else what only they could fulfil is not asked for. */
  readonly isWhole: boolean;
  /** Its own folder is made in this one. */
  readonly parent?: string;
  /** Further flags of the API server. */
  readonly flags?: readonly string[];
}

export const ALONE = {
  address: '127.0.0.1',
  services: '10.96.0.0/16,fd00:96::/108',
  isWhole: false,
} as const;

export interface ControlPlane {
  transport(user?: User): Transport;
  client(user?: User): KubeClient;
  /** A kubeconfig file. */
  kubeconfig(user?: User): string;
  /** That of a service account, by a token of it. */
  kubeconfigOf(account: string, token: string): string;
  /** What signs the tokens of ServiceAccounts, and the authority of the API server's certificate: files. */
  readonly files: { readonly serviceAccountKey: string; readonly authority: string };
  /** SIGKILL. It comes back on the same port, with the same data. */
  killApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  stop(): Promise<void>;
}

export async function startControlPlane(options: ControlPlaneOptions = ALONE): Promise<ControlPlane> {
  const { address, services, isWhole, parent, flags = [] } = options;
  const folder = temporaryFolder('control-plane', parent);
  const at = (name: string): string => join(folder, name);
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort(address)];
  const authority = await certificateAuthority('control plane');
  const identity = await authority.issue('localhost', 'kubernetes.default.svc', address, firstOf(services));
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(at('sa.pub'), keys.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(at('sa.key'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(
    at('tokens.csv'),
    Object.entries(USERS)
      .map(([user, groups]) => `${user},${user},${user},"${groups.join(',')}"\n`)
      .join(''),
  );

  const etcdUrl = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = start(
    binary('etcd'),
    [
      ...['--name', 'test', '--data-dir', at('etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
      ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `test=${peerUrl}`],
    ],
    at('etcd.log'),
  );
  let apiServer: Running | undefined;

  const kubeconfigOf = (user: string, token: string): string => {
    const file = at(`${user.replaceAll(':', '_')}.kubeconfig`);
    const cluster = {
      server: `https://${address}:${port}`,
      'certificate-authority-data': Buffer.from(authority.certificate).toString('base64'),
    };
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
      clusters: [{ name: 'test', cluster }],
      users: [{ name: user, user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  };
  const kubeconfig = (user: User = 'admin'): string => kubeconfigOf(user, user);
  const transport = (user?: User): Transport => loadCluster(kubeconfig(user));
  const client = (user?: User): KubeClient =>
    new KubeClient({ transport: transport(user), clock: systemClock, fieldManager: user ?? 'admin' });

  async function startApiServer(): Promise<void> {
    const started = start(
      binary('kube-apiserver'),
      [
        ...['--etcd-servers', etcdUrl, '--bind-address', address, '--secure-port', `${port}`],
        ...[
          '--tls-cert-file',
          join(identity, 'tls.crt'),
          '--tls-private-key-file',
          join(identity, 'tls.key'),
        ],
        ...['--service-account-issuer', 'https://kubernetes.default.svc.cluster.local'],
        ...['--service-account-key-file', at('sa.pub'), '--service-account-signing-key-file', at('sa.key')],
        ...['--token-auth-file', at('tokens.csv'), '--authorization-mode', isWhole ? 'Node,RBAC' : 'RBAC'],
        ...['--service-cluster-ip-range', services, '--watch-cache=true', '--allow-privileged'],
        ...(isWhole
          ? [
              ...['--advertise-address', address, '--kubelet-preferred-address-types', 'InternalIP'],
              ...['--enable-admission-plugins', 'NodeRestriction'],
            ]
          : // There is no controller that would make the account of a namespace.
            ['--endpoint-reconciler-type', 'none', '--disable-admission-plugins', 'ServiceAccount']),
        ...flags,
      ],
      at('apiserver.log'),
    );
    apiServer = started;
    const ask = transport();
    await waitFor(
      'the API server',
      async () => {
        if (started.ended() !== undefined) throw new Error(started.output().slice(-2000));
        const signal = AbortSignal.timeout(2000);
        const { status, body } = await ask({ method: 'GET', path: '/readyz', signal });
        body.resume();
        return status === 200;
      },
      { timeoutMs: 120_000, everyMs: 100 },
    );
  }

  const plane: ControlPlane = {
    transport,
    client,
    kubeconfig,
    kubeconfigOf,
    files: { serviceAccountKey: at('sa.key'), authority: join(identity, 'ca.crt') },
    startApiServer,
    killApiServer: async () => apiServer?.kill9(),
    async stop() {
      await apiServer?.stop('SIGKILL');
      await etcd.stop('SIGKILL');
    },
  };
  try {
    await startApiServer();
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return plane;
}

/** First address of a network. */
function firstOf(cidr: string): string {
  const [address] = cidr.split('/') as [string];
  return address.replace(/\d+$/, (last) => `${Number(last) + 1}`);
}
