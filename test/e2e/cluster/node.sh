#!/bin/sh
# The first process of a node, in namespaces of its own: mounts, network, process ids, name. When it ends, everything of the
# node does. Arguments: the node's folder (places.ts), with `settings` in it, and the files that node-files.ts describes.
set -eu
folder=${1%/}
. "$folder/settings"

hostname "$name"
mount --make-rshared /
mount -t proc proc /proc
# What its programs keep at well-known places is in its folder, and stays; what they keep while they run goes with it.
mkdir -p "$folder/lib" "$folder/log"
mount --bind "$folder/lib" /var/lib
mount --bind "$folder/log" /var/log
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /var/lib/kubelet /var/lib/cni /run/lock /run/volumes/shared

# The kubelet sets these, and they are the whole machine's: it is shown files that have the value already.
show() {
  mkdir -p "$folder/sysctl"
  echo "$2" >"$folder/sysctl/$(basename "$1")"
  mount --bind "$folder/sysctl/$(basename "$1")" "/proc/sys/$1"
}
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000

ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip address add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "$gateway"
ip route add "$other_pods" via "$other_address"
# Of this network namespace alone.
echo 1 >/proc/sys/net/ipv4/ip_forward
[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables

glusterfs -f "$volfile" -l "$logs/$name-volume.log" /run/volumes/shared

run() {
  program=$1
  shift
  "$@" >>"$logs/$name-$program.log" 2>&1 &
}
run containerd containerd --config "$folder/containerd.toml" --log-level warn
until ctr --address "$containerd" version >/dev/null 2>&1; do sleep 0.05; done
ctr --address "$containerd" --namespace k8s.io images import "$pause" >/dev/null
run kubelet "$programs/kubelet" --config "$folder/kubelet.json" --kubeconfig "$folder/kubelet.kubeconfig" \
  --hostname-override "$name" --node-ip "$address"
run kube-proxy "$programs/kube-proxy" --config "$folder/kube-proxy.json"
# Its children, and those that have lost their parents.
wait
