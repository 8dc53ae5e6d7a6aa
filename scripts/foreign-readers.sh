#!/bin/sh
# Installs the programs of others that read what Postrider writes, for the interop tests, and keeps them outside of the tree: parsedmarc, which
# reads TLS reports, in a Python environment of its own. A minute the first time, nothing after that. `--folder` prints where it is. Needs
# python3 with venv (scripts/debian-packages.sh) and PyPI.
set -eu

parsedmarc=11.1.0

folder="${XDG_CACHE_HOME:-$HOME/.cache}/postrider-test/parsedmarc-$parsedmarc"
if [ "${1:-}" = --folder ]; then
  echo "$folder"
  exit 0
fi
# The mark is made last: an environment can't be moved to its name when it is whole.
[ ! -e "$folder/complete" ] || exit 0

echo "postrider: installing parsedmarc $parsedmarc ..." >&2
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check "parsedmarc==$parsedmarc" >&2
touch "$folder/complete"
