#!/bin/sh
# Brings the dependencies, the right Node among them, when they are missing or older than the lock file.
# Runs before `npm start`, `npm test` and `npm run bench`, so that each works on a fresh clone.
set -eu
cd "$(dirname "$0")/.."
if [ ! -x node_modules/.bin/node ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "postrider: installing dependencies (npm ci) ..." >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
