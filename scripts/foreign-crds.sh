#!/bin/sh
# Fetches the CRDs of cert-manager and of the Prometheus operator, as their Go modules have them, for the control-plane tests, and keeps
# them outside of the tree. `--folder` prints where they are. Needs Go.
set -eu

cert_manager=1.21.2
prometheus_operator=0.85.0

folder="${XDG_CACHE_HOME:-$HOME/.cache}/postrider-test/crds-cert-manager-$cert_manager-prometheus-operator-$prometheus_operator"
if [ "${1:-}" = --folder ]; then
  echo "$folder"
  exit 0
fi
[ -d "$folder" ] && exit 0
if ! command -v go >/dev/null 2>&1; then
  echo "postrider: the CRDs of cert-manager and the Prometheus operator are fetched with Go, which is not installed" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Folder of a module, as `go` unpacks it.
module() {
  (cd "$work" && go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
}

mkdir -p "$(dirname "$folder")" "$work/crds"
cp "$(module "github.com/cert-manager/cert-manager@v$cert_manager")/deploy/crds/cert-manager.io_certificates.yaml" "$work/crds/"
from="$(module "github.com/prometheus-operator/prometheus-operator@v$prometheus_operator")/example/prometheus-operator-crd"
for kind in podmonitors prometheusrules; do
  cp "$from/monitoring.coreos.com_$kind.yaml" "$work/crds/"
done
# The name appears when all of them are there.
mv "$work/crds" "$folder"
