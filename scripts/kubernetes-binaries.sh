#!/bin/sh
# Builds what the control-plane tests run, etcd and kube-apiserver, from Go modules, and keeps it outside of the tree:
# 10 to 20 minutes on two cores the first time, nothing after that. `--folder` prints where they are. Needs Go 1.26.
#
# Where KUBEBUILDER_ASSETS names a folder that has both, there is nothing to build.
set -eu

kubernetes=1.36.3
etcd=3.6.8

folder="${KUBEBUILDER_ASSETS:-${XDG_CACHE_HOME:-$HOME/.cache}/postrider-test/kubernetes-$kubernetes-etcd-$etcd}"
if [ "${1:-}" = --folder ]; then
  echo "$folder"
  exit 0
fi
[ -x "$folder/etcd" ] && [ -x "$folder/kube-apiserver" ] && exit 0
if ! command -v go >/dev/null 2>&1; then
  echo "postrider: etcd and kube-apiserver are built with Go 1.26, which is not installed; or set KUBEBUILDER_ASSETS" >&2
  exit 1
fi

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export CGO_ENABLED=0

# A name appears when its program is whole.
build() {
  go build -trimpath -ldflags "-s -w $3" -o "$work/built" "$2"
  mv "$work/built" "$folder/$1"
}

if [ ! -x "$folder/kube-apiserver" ]; then
  echo "postrider: building kube-apiserver $kubernetes ..." >&2
  mkdir "$work/kubernetes"
  cd "$work/kubernetes"
  go mod init example.test/kubernetes 2>/dev/null
  go mod edit -require "k8s.io/kubernetes@v$kubernetes"
  # The modules that live in Kubernetes' own repository are required there as v0.0.0.
  required=$(go mod download -json "k8s.io/kubernetes@v$kubernetes" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
  for module in $(awk '$1 ~ /^k8s\.io\// && $2 == "v0.0.0" { print $1 }' "$required"); do
    go mod edit -replace "$module=$module@v0.${kubernetes#1.}"
  done
  printf '//go:build tools\n\npackage tools\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver"\n' >tools.go
  go mod tidy 2>/dev/null
  minor=${kubernetes#1.}
  says="-X k8s.io/component-base/version.gitVersion=v$kubernetes -X k8s.io/component-base/version.gitMajor=1"
  build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver \
    "$says -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
fi

if [ ! -x "$folder/etcd" ]; then
  echo "postrider: building etcd $etcd ..." >&2
  mkdir "$work/etcd"
  cd "$work/etcd"
  printf 'module example.test/etcd\n\ngo 1.26\n\nrequire go.etcd.io/etcd/server/v3 v%s\n' "$etcd" >go.mod
  printf 'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n' >main.go
  go mod tidy 2>/dev/null
  build etcd . ''
fi
