#!/bin/sh
# Builds the programs that the tests on Kubernetes run, from Go modules, and keeps them outside of the tree: 15 to 25
# minutes on two cores the first time, nothing after that. Builds all of them, or those that are named; `--folder` prints
# where they are. Needs Go 1.26.
#
# The control-plane tests need etcd and kube-apiserver. Where KUBEBUILDER_ASSETS names a folder that has both, nothing is
# built, and that folder is where all others are looked for too.
set -eu

kubernetes=1.36.3
etcd=3.6.8
coredns=1.15.0
helm=3.21.4

# Those that are in Kubernetes' own repository, and are built together.
ours="kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"
# The rest: each has a function of its own below.
others="etcd coredns pause helm"

folder="${KUBEBUILDER_ASSETS:-${XDG_CACHE_HOME:-$HOME/.cache}/postrider-test/kubernetes-$kubernetes-etcd-$etcd}"
if [ "${1:-}" = --folder ]; then
  echo "$folder"
  exit 0
fi
if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$folder/etcd" ] && [ -x "$folder/kube-apiserver" ]; then exit 0; fi

# The folder's name has the versions of etcd and Kubernetes; the file behind the name of any other program has its own.
file_of() {
  case $1 in
    coredns) echo "$folder/coredns-$coredns" ;;
    helm) echo "$folder/helm-$helm" ;;
    *) echo "$folder/$1" ;;
  esac
}

missing=""
for program in ${*:-$ours $others}; do
  case " $ours $others " in
    *" $program "*) ;;
    *)
      echo "postrider: $program is none of: $ours $others" >&2
      exit 64
      ;;
  esac
  [ -x "$(file_of "$program")" ] || missing="$missing $program"
done
[ -n "$missing" ] || exit 0
if ! command -v go >/dev/null 2>&1; then
  echo "postrider:$missing: built with Go 1.26, which is not installed; or set KUBEBUILDER_ASSETS" >&2
  exit 1
fi

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export CGO_ENABLED=0

# A name appears when its program is whole. It may be on another file system than the temporary one.
keep() {
  file=$(file_of "$1")
  cp "$2" "$file.new.$$"
  mv "$file.new.$$" "$file"
  [ "$file" = "$folder/$1" ] || ln -sfn "${file##*/}" "$folder/$1"
}

# A module of a single program, in the folder $1: its main.go is the standard input.
module() {
  mkdir "$work/$1"
  cd "$work/$1"
  printf 'module example.test/%s\n\ngo 1.26\n' "$1" >go.mod
  cat >main.go
  [ -z "${2:-}" ] || go mod edit -require "$2"
  go mod tidy 2>/dev/null
  go build -trimpath -ldflags "-s -w" -o built .
  keep "$1" built
}

etcd() {
  module etcd "go.etcd.io/etcd/server/v3@v$etcd" <<'GO'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
GO
}

# With the plugins that a cluster needs.
coredns() {
  module coredns "github.com/coredns/coredns@v$coredns" <<'GO'
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() { coremain.Run() }
GO
}

# What holds the namespaces of a pod open.
pause() {
  module pause <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}
GO
}

helm() {
  GOBIN="$work" go install -trimpath -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=v$helm" \
    "helm.sh/helm/v3/cmd/helm@v$helm"
  keep helm "$work/helm"
}

kubernetes() {
  mkdir "$work/kubernetes" "$work/built"
  cd "$work/kubernetes"
  go mod init example.test/kubernetes 2>/dev/null
  go mod edit -require "k8s.io/kubernetes@v$kubernetes"
  # The modules that live in Kubernetes' own repository are required there as v0.0.0.
  required=$(go mod download -json "k8s.io/kubernetes@v$kubernetes" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
  for module in $(awk '$1 ~ /^k8s\.io\// && $2 == "v0.0.0" { print $1 }' "$required"); do
    go mod edit -replace "$module=$module@v0.${kubernetes#1.}"
  done
  printf '//go:build tools\n\npackage tools\n' >tools.go
  packages=""
  for program in "$@"; do
    packages="$packages k8s.io/kubernetes/cmd/$program"
    printf '\nimport _ "k8s.io/kubernetes/cmd/%s"\n' "$program" >>tools.go
  done
  go mod tidy 2>/dev/null
  minor=${kubernetes#1.}
  says="-X k8s.io/component-base/version.gitVersion=v$kubernetes -X k8s.io/component-base/version.gitMajor=1"
  # One command for all of them: most of what they are made of is compiled once.
  # shellcheck disable=SC2086
  go build -trimpath -ldflags "-s -w $says -X k8s.io/component-base/version.gitMinor=${minor%%.*}" \
    -o "$work/built/" $packages
  for program in "$@"; do keep "$program" "$work/built/$program"; done
}

echo "postrider: building$missing ..." >&2
of_kubernetes=""
for program in $missing; do
  case " $ours " in
    *" $program "*) of_kubernetes="$of_kubernetes $program" ;;
    *) (cd / && "$program") ;;
  esac
done
# shellcheck disable=SC2086
[ -z "$of_kubernetes" ] || kubernetes $of_kubernetes
