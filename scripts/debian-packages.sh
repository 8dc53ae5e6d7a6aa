#!/bin/sh
# Installs the Debian packages that the tests and the bench use, without leaving a daemon running: postfix, dovecot,
# nsd, unbound and containerd are started by the tests as private instances of their own. Needs root; does nothing when all is
# there. `scripts/debian-packages.sh --list` prints the names.
set -eu

packages="postfix libsasl2-modules swaks libnet-ssleay-perl libio-socket-ssl-perl curl dovecot-core dovecot-lmtpd dovecot-imapd nsd unbound ldnsutils glusterfs-client glusterfs-server e2fsprogs util-linux strace openssl ca-certificates containerd runc containernetworking-plugins nftables iptables conntrack buildah iproute2 lua5.1 libidn12 libgnutls-dane0 libevent-2.1-7 python3-venv"
# What Debian's exim4 and opensmtpd need, which scripts/foreign-mtas.sh unpacks, is among them: libidn12 to libevent. scripts/foreign-readers.sh
# needs python3-venv.
# A machine that brings its own Node keeps it; `npm ci` brings the version that the tests run on.
command -v npm >/dev/null 2>&1 || packages="$packages nodejs npm"

if [ "${1:-}" = --list ]; then
  echo "$packages"
  exit 0
fi

missing=""
for package in $packages; do
  if [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" != 'ii ' ]; then
    missing="$missing $package"
  fi
done
[ -n "$missing" ] || exit 0

# invoke-rc.d asks this program: 101 forbids every start of a service while packages are configured.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
fi

export DEBIAN_FRONTEND=noninteractive
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
# shellcheck disable=SC2086
apt-get install -y -q --no-install-recommends $missing
