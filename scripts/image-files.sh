#!/bin/sh
# Writes dist/image/, which the Dockerfile copies: the programs as JavaScript, the packages that they depend on, and an SBOM of those
# (CycloneDX). Needs npm 10; the registry is npm's own matter.
set -eu
umask 022
cd "$(dirname "$0")/.."

out=dist/image
app="$out/app"
rm -rf "$out"
mkdir -p "$app"
node scripts/image-programs.ts "$app"
cp package.json package-lock.json LICENSE "$app"

cd "$app"
npm ci --prefer-offline --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx --sbom-type=application >sbom.cdx.json

# What only compilers and people read. Licences stay.
find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -iname 'readme*' \
  -o -iname 'changelog*' \) -delete
# Binaries for a runtime that isn't Node, of packages that have them for every platform.
rm -rf node_modules/bare-*/prebuilds
rm -rf node_modules/.bin node_modules/.package-lock.json
find node_modules -type d -empty -delete

# The image is the same on every platform for as long as this holds.
native=$(find node_modules -name '*.node' -o -name '*.so' -o -name '*.bare')
if [ -n "$native" ]; then
  echo "postrider: made for one platform, and the image is for all:" >&2
  echo "$native" >&2
  exit 1
fi
