/** What the programs of a node are told. Pure. */
import type { NodePlaces, Places } from './places.ts';

/** In the node. */
export const CONTAINERD = '/run/containerd/containerd.sock';

export interface NodeFilesOptions {
  readonly places: Places;
  readonly node: NodePlaces;
  readonly volfile: string;
  /** Folder of the Kubernetes programs. */
  readonly programs: string;
  /** Archive of the image that holds a pod's namespaces, and its name. */
  readonly pause: { readonly archive: string; readonly image: string };
}

/** Texts by file name, in the node's folder. */
export function nodeFiles(options: NodeFilesOptions): Record<string, string> {
  const { places, node } = options;
  return {
    settings: settings(options),
    'containerd.toml': containerd(node, options.pause.image),
    'cni/10-bridge.conflist': json(cni(node)),
    'kubelet.json': json(kubelet(places, node)),
    'kube-proxy.json': json(kubeProxy(places, node)),
    'resolv.conf': '',
  };
}

const json = (value: object): string => JSON.stringify(value, undefined, 2);

/** Sourced by node.sh. */
function settings({ places, node, volfile, programs, pause }: NodeFilesOptions): string {
  const other = places.nodes.find(({ name }) => name !== node.name)!;
  return Object.entries({
    name: node.name,
    address: node.address,
    gateway: places.gateway,
    other_pods: other.pods,
    other_address: other.address,
    logs: places.logs,
    containerd: CONTAINERD,
    pause: pause.archive,
    volfile,
    programs,
  })
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
}

const containerd = ({ folder }: NodePlaces, pause: string): string => `
version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper",
]
[grpc]
  address = "${CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pause}"
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  # This process may not lower it for others below what it has itself.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/cni"
`;

const cni = ({ pods }: NodePlaces) => ({
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      ...{ type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, hairpinMode: true },
      ipam: { type: 'host-local', ranges: [[{ subnet: pods }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
});

const kubelet = (places: Places, { folder, cgroup }: NodePlaces) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  containerRuntimeEndpoint: `unix://${CONTAINERD}`,
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${cgroup}`,
  // It listens on the bridge alone, where nobody but the API server asks.
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  clusterDNS: [places.dns],
  clusterDomain: 'cluster.local',
  resolvConf: `${folder}/resolv.conf`,
  failSwapOn: false,
  // An image that is removed can't be pulled again.
  imageGCHighThresholdPercent: 100,
  imageMinimumGCAge: '24h',
  evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
});

const kubeProxy = (places: Places, { folder, name }: NodePlaces) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clientConnection: { kubeconfig: `${folder}/kube-proxy.kubeconfig` },
  hostnameOverride: name,
  mode: 'nftables',
  clusterCIDR: places.pods,
  // Sizes of tables are the whole machine's.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
});
