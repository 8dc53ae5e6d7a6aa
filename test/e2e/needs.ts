/** What a whole cluster needs of the machine. Skipped elsewhere with a line that says what is missing; with CI=true that fails. */
import { existsSync } from 'node:fs';
import { missingBinaries } from '../control-plane/support/binaries.ts';
import { describeUnless, findProgram } from '../support/debian.ts';
import { CGROUPS } from './cluster/remains.ts';

const PROGRAMS = [
  ...['containerd', 'ctr', 'runc', 'nft', 'conntrack', 'buildah', 'glusterfs', 'glusterfsd', 'ip', 'unshare'],
  ...['nsenter', 'setpriv', 'openssl', 'dovecot', 'postfix', 'swaks'],
];
const BINARIES = [
  ...[
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubelet',
    'kube-proxy',
    'kubectl',
  ],
  ...['coredns', 'pause', 'helm'],
];
const FILES = ['/dev/fuse', '/usr/lib/cni/bridge', '/usr/lib/cni/host-local'];

export function describeWithCluster(name: string, tests: () => void): void {
  const missing = [
    ...(process.getuid?.() === 0 ? [] : ['root']),
    ...PROGRAMS.filter((each) => findProgram(each) === undefined),
    ...missingBinaries(BINARIES),
    ...FILES.filter((each) => !existsSync(each)),
    // Nodes are given cgroups of their own as version 1 has them: nobody has tried it with version 2.
    ...(existsSync(`${CGROUPS}/cpu`) ? [] : ['cgroups of version 1']),
  ];
  const remedy = 'scripts/debian-packages.sh and scripts/kubernetes-binaries.sh bring the programs';
  describeUnless(missing, remedy, name, tests);
}
