#!/bin/sh
# Fetches the CRDs of others that the control-plane tests have resources of (cert-manager, the Prometheus operator, Argo CD, Flux), as their
# Go modules have them, and keeps them outside of the tree. `--folder` prints where they are. Needs Go.
set -eu

cert_manager=1.21.2
prometheus_operator=0.85.0
# Of these the newest that Go 1.26 takes.
argo_cd=3.5.7
kustomize_controller=1.9.6
source_controller=1.9.6
helm_controller=1.4.0

versions="$cert_manager-$prometheus_operator-$argo_cd-$kustomize_controller-$source_controller-$helm_controller"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/postrider-test/crds-$versions"
if [ "${1:-}" = --folder ]; then
  echo "$folder"
  exit 0
fi
[ -d "$folder" ] && exit 0
if ! command -v go >/dev/null 2>&1; then
  echo "postrider: the CRDs of others are fetched with Go, which is not installed" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# take MODULE VERSION FOLDER NAME...: files of a module, as `go` unpacks it.
take() {
  from=$(cd "$work" && go mod download -json "$1@v$2" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')/$3
  shift 3
  for name in "$@"; do install -m 644 "$from/$name.yaml" "$work/crds/"; done
}

mkdir -p "$(dirname "$folder")" "$work/crds"
take github.com/cert-manager/cert-manager "$cert_manager" deploy/crds cert-manager.io_certificates
take github.com/prometheus-operator/prometheus-operator "$prometheus_operator" example/prometheus-operator-crd \
  monitoring.coreos.com_podmonitors monitoring.coreos.com_prometheusrules monitoring.coreos.com_servicemonitors
take github.com/argoproj/argo-cd/v3 "$argo_cd" manifests/crds application-crd
take github.com/fluxcd/kustomize-controller "$kustomize_controller" config/crd/bases kustomize.toolkit.fluxcd.io_kustomizations
take github.com/fluxcd/source-controller "$source_controller" config/crd/bases source.toolkit.fluxcd.io_gitrepositories
take github.com/fluxcd/helm-controller "$helm_controller" config/crd/bases helm.toolkit.fluxcd.io_helmreleases
# The name appears when all of them are there.
cp -R "$work/crds" "$folder.new.$$"
mv "$folder.new.$$" "$folder"
