/**
 * A real API server over a real etcd, on loopback, with RBAC. Users are told apart by a bearer token that is their name;
 * `admin` may do everything, everybody else what a test gives them.
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

const USERS = ['admin', 'operator', 'tenant'] as const;
export type User = (typeof USERS)[number];

export interface ControlPlane {
  transport(user?: User): Transport;
  client(user?: User): KubeClient;
  /** A kubeconfig file. */
  kubeconfig(user?: User): string;
  /** SIGKILL. It comes back on the same port, with the same data. */
  killApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  stop(): Promise<void>;
}

export async function startControlPlane(): Promise<ControlPlane> {
  const folder = temporaryFolder('control-plane');
  const at = (name: string): string => join(folder, name);
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const authority = await certificateAuthority('control plane');
  const identity = await authority.issue('localhost');
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(at('sa.pub'), keys.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(at('sa.key'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(
    at('tokens.csv'),
    USERS.map((user) => `${user},${user},${user}${user === 'admin' ? ',system:masters' : ''}\n`).join(''),
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

  const kubeconfig = (user: User = 'admin'): string => {
    const file = at(`${user}.kubeconfig`);
    const cluster = {
      server: `https://localhost:${port}`,
      'certificate-authority-data': Buffer.from(authority.certificate).toString('base64'),
    };
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
      clusters: [{ name: 'test', cluster }],
      users: [{ name: user, user: { token: user } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  };
  const transport = (user?: User): Transport => loadCluster(kubeconfig(user));
  const client = (user?: User): KubeClient =>
    new KubeClient({ transport: transport(user), clock: systemClock, fieldManager: user ?? 'admin' });

  async function startApiServer(): Promise<void> {
    const started = start(
      binary('kube-apiserver'),
      [
        ...['--etcd-servers', etcdUrl, '--bind-address', '127.0.0.1', '--secure-port', `${port}`],
        ...[
          '--tls-cert-file',
          join(identity, 'tls.crt'),
          '--tls-private-key-file',
          join(identity, 'tls.key'),
        ],
        ...['--service-account-issuer', 'https://kubernetes.default.svc.cluster.local'],
        ...['--service-account-key-file', at('sa.pub'), '--service-account-signing-key-file', at('sa.key')],
        ...['--token-auth-file', at('tokens.csv'), '--authorization-mode', 'RBAC'],
        ...['--service-cluster-ip-range', '10.96.0.0/16', '--endpoint-reconciler-type', 'none'],
        // There is no controller that would make the account of a namespace.
        ...['--disable-admission-plugins', 'ServiceAccount', '--watch-cache=true'],
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
