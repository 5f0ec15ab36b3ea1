#!/usr/bin/env bash
# Builds dist/midonet_VERSION_ARCH.deb: a virtual environment in /opt/midonet, the programs in /usr/bin, systemd units
# and sample settings. Needs dpkg-deb and Debian's own Python, whose version the package then depends on.
source "$(dirname "${BASH_SOURCE[0]}")/../setup/common.sh"

python=${DEB_PYTHON:-/usr/bin/python3}
recent_enough "$python" || die "$python is not Python 3.11 or newer"
"$python" -c 'import ensurepip' 2>/dev/null || die "please install, as root: apt-get install python3-venv"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
architecture=$(dpkg --print-architecture)
from=compose/debian
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
venv=$root/opt/midonet

install_python() {
  "$python" -m venv "$venv"
  retry "$venv/bin/python" -m pip --quiet --disable-pip-version-check install --no-compile \
    --constraint constraints.txt '.[all]'
  "$venv/bin/python" -m pip --quiet uninstall --yes pip setuptools
  rm -f "$venv"/bin/{a,A}ctivate* "$venv"/lib/python*/site-packages/midonet-*.dist-info/direct_url.json
  grep -lIr "$root" "$venv/bin" "$venv/pyvenv.cfg" | xargs sed -i "s|$root||g" # the environment moves to /opt
  "$python" -m compileall -q -s "$root" "$venv/lib"
}

install_files() {
  local program
  mkdir -p "$root/usr/bin" "$root/usr/share/bash-completion/completions" "$root/usr/share/man/man1"
  for program in midoctl midonet-agent midonet-cluster; do
    ln -s "/opt/midonet/bin/$program" "$root/usr/bin/$program"
  done
  run_midoctl man "$root/usr/share/man/man1" >/dev/null
  gzip -9n "$root"/usr/share/man/man1/*
  run_midoctl completion bash >"$root/usr/share/bash-completion/completions/midoctl"
  install -D -m 644 -t "$root/lib/systemd/system" compose/systemd/*.service
  install -D -m 644 -t "$root/etc/midonet" compose/systemd/*.yaml
  install -D -m 644 LICENSE "$root/usr/share/doc/midonet/copyright"
  if [[ -r .cache/jars/zookeeper/.stamp ]]; then # the embedded ZooKeeper then needs no Maven
    install -D -m 644 -t "$venv/jars/zookeeper" .cache/jars/zookeeper/*.jar
    echo "MIDONET_JARS=/opt/midonet/jars" | install -D -m 644 /dev/stdin "$root/etc/default/midonet-cluster"
  fi
}

# The scripts already name /opt, so the program is run as a module.
run_midoctl() { "$venv/bin/python" -c 'from midonet.cli.main import program; program()' "$@"; }

write_control() {
  local next
  install -d "$root/DEBIAN"
  install -m 755 -t "$root/DEBIAN" "$from"/{postinst,prerm,postrm}
  (cd "$root" && find etc -type f -printf '/%p\n') >"$root/DEBIAN/conffiles"
  next=$("$python" -c 'import sys; print(f"3.{sys.version_info[1]} 3.{sys.version_info[1] + 1}")')
  sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@PYTHON@/${next% *}/" \
    -e "s/@NEXT@/${next#* }/" -e "s/@SIZE@/$(du -sk "$root" | cut -f 1)/" "$from/control" >"$root/DEBIAN/control"
}

chmod 755 "$root"
say "building the Debian package"
install_python
install_files
write_control
mkdir -p dist
package=dist/midonet_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zgzip --build "$root" "$package" >&2
echo "$package"
