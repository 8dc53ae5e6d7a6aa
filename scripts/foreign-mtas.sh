#!/bin/sh
# Brings the mail servers of others that the interop tests exchange mail with, and keeps them outside of the tree: Debian's exim4 and
# opensmtpd, which can't be installed beside Debian's postfix and are unpacked instead; Haraka from npm; maddy, built from its Go module. Two to
# three minutes on two cores the first time, nearly all of them for maddy; nothing after that. Brings all of them, or those that are named;
# `--folder NAME` prints where one is. Of Debian's it takes the version that apt knows (apt-get update).
set -eu

haraka=3.3.4
maddy=0.8.1

cache="${XDG_CACHE_HOME:-$HOME/.cache}/postrider-test"
all="exim4 opensmtpd haraka maddy"

# The folder of Debian's has no version in its name, and a file that says it: an older one will do for the tests.
folder_of() {
  case $1 in
    exim4 | opensmtpd) echo "$cache/debian-$1" ;;
    haraka) echo "$cache/haraka-$haraka" ;;
    maddy) echo "$cache/maddy-$maddy" ;;
    *)
      echo "postrider: $1 is none of: $all" >&2
      exit 64
      ;;
  esac
}

if [ "${1:-}" = --folder ]; then
  folder_of "$2"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$cache"

# keep NAME FOLDER: a name appears when all of it is there. It may be on another file system than the temporary one.
keep() {
  folder=$(folder_of "$1")
  cp -R "$2" "$folder.new.$$"
  rm -rf "$folder"
  mv "$folder.new.$$" "$folder"
}

# unpack NAME PACKAGE...: the first one's version counts.
unpack() {
  name=$1
  shift
  version=$(apt-cache policy "$1" | sed -n 's/^ *Candidate: //p')
  if [ -z "$version" ] || [ "$version" = '(none)' ]; then
    echo "postrider: apt knows no $1 (apt-get update)" >&2
    exit 1
  fi
  [ "$(cat "$(folder_of "$name")/version" 2>/dev/null)" != "$version" ] || return 0
  echo "postrider: unpacking $name $version ..." >&2
  # apt fetches as a user of its own, who may not write where root alone may.
  mkdir -m 777 "$work/$name.packages" "$work/$name"
  chmod 755 "$work"
  (cd "$work/$name.packages" && apt-get download -q "$@" >&2)
  for package in "$work/$name.packages"/*.deb; do dpkg-deb -x "$package" "$work/$name"; done
  chmod 755 "$work/$name"
  echo "$version" >"$work/$name/version"
  keep "$name" "$work/$name"
}

exim4() { unpack exim4 exim4-daemon-light exim4-base; }

opensmtpd() { unpack opensmtpd opensmtpd; }

# Without its optional plugins, and without scripts of packages: nothing native is built.
haraka() {
  [ ! -d "$(folder_of haraka)" ] || return 0
  echo "postrider: installing Haraka $haraka ..." >&2
  mkdir "$work/haraka"
  npm install --prefix "$work/haraka" --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error \
    "Haraka@$haraka" >&2
  keep haraka "$work/haraka"
}

# From a copy of its own module: what it replaces in go.mod counts nowhere else.
maddy() {
  [ ! -d "$(folder_of maddy)" ] || return 0
  if ! command -v go >/dev/null 2>&1; then
    echo "postrider: maddy is built with Go 1.26, which is not installed" >&2
    exit 1
  fi
  echo "postrider: building maddy $maddy ..." >&2
  from=$(cd "$work" && go mod download -json "github.com/foxcpp/maddy@v$maddy" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
  cp -R "$from" "$work/maddy.source"
  chmod -R u+w "$work/maddy.source"
  mkdir "$work/maddy"
  (cd "$work/maddy.source" && CGO_ENABLED=0 go build -trimpath \
    -ldflags "-s -w -X github.com/foxcpp/maddy.Version=$maddy" -o "$work/maddy/maddy" ./cmd/maddy)
  keep maddy "$work/maddy"
}

for name in ${*:-$all}; do
  folder_of "$name" >/dev/null
  "$name"
done
