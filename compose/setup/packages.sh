#!/usr/bin/env bash
# Installs the system packages that are missing (Debian, Ubuntu). Starts no service.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# a file or command that proves the package is there, and the package
wanted=(
  "ovsdb-server openvswitch-switch"
  "vtep-ctl openvswitch-vtep"
  "/usr/share/openvswitch/vtep.ovsschema openvswitch-vtep"
  "/usr/lib/postgresql/*/bin/initdb postgresql"
  "ovn-nbctl ovn-central"
  "ovn-controller-vtep ovn-controller-vtep"
  "curl curl"
  "kcat kcat"
  "sqlite3 sqlite3"
  "ip iproute2"
  "setpriv util-linux"
  "systemd-analyze systemd"
)

present() {
  if [[ $1 == /* ]]; then compgen -G "$1" >/dev/null; else command -v "$1" >/dev/null; fi
}

# Debian's tools of Open vSwitch are in sbin, which an ordinary user's PATH lacks.
PATH=$PATH:/usr/sbin:/sbin

missing=()
for row in "${wanted[@]}"; do
  read -r proof package <<<"$row"
  if ! present "$proof" && [[ " ${missing[*]} " != *" $package "* ]]; then missing+=("$package"); fi
done
# Debian's Python cannot make a virtual environment until this package is there.
[[ -x .venv/bin/python ]] || "$(find_python)" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
((${#missing[@]})) || exit 0

command -v apt-get >/dev/null || die "please install, by your system's package manager: ${missing[*]}"
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || die "please install, as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

# invoke-rc.d asks this file whether a package may start its service. One that exists is left alone.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
fi

say "installing ${missing[*]}"
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@"; }
retry apt update
retry apt install --yes --no-install-recommends "${missing[@]}" >/dev/null
