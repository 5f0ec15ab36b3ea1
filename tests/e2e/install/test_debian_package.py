"""The Debian package installs, its daemons run as its user with the sample settings, and removal keeps the data.

It is installed on an overlay of this machine's file system, in namespaces of its own, so nothing of it stays.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

INSTALL = r"""
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount -t sysfs sysfs "$1/root/sys"
mount --bind /dev "$1/root/dev"
ip link set lo up
cp "$2" "$1/root/midonet.deb"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$1/root" bash -euc "$3"
"""

USE = r"""
cd /
dpkg --install midonet.deb >/dev/null
test "$(stat -c %U:%a /var/lib/midonet)" = midonet:700
systemd-analyze verify /lib/systemd/system/midonet-{cluster,agent}.service
man --where midoctl >/dev/null

start() {  # as the unit does: user, environment, settings
  setpriv --reuid midonet --regid midonet --clear-groups env HOME=/var/lib/midonet $(cat /etc/default/midonet-cluster) \
    "$1" run --config "/etc/midonet/${1#midonet-}.yaml" >"/tmp/$1.log" 2>&1 &
}
rm -f /etc/midonet/host-id  # of the machine below
install -d -o midonet /run/midonet
start midonet-cluster
cluster=$!
start midonet-agent
agent=$!
export MIDOCTL_SERVER=http://127.0.0.1:8181
for _ in $(seq 40); do
  midoctl bridge list >/dev/null 2>&1 && midoctl host list -o json | grep -q '"id"' && break
  sleep 0.5
done
midoctl bridge create web
midoctl wait --for nsdb
midoctl host list -o json | grep -q '"id"'
kill $cluster $agent
wait $cluster
wait $agent

dpkg --remove midonet >/dev/null
test ! -e /usr/bin/midoctl
test ! -e /opt/midonet
dpkg --purge midonet >/dev/null
test ! -e /etc/midonet/cluster.yaml
test -s /var/lib/midonet/log.db
"""


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_the_package_installs_runs_and_is_removed(tmp_path: Path) -> None:
    package = ROOT / _run([str(ROOT / "compose" / "debian" / "build.sh")]).splitlines()[-1]
    namespaces = ["unshare", "--mount", "--net", "--fork"]
    shown = _run([*namespaces, "bash", "-c", INSTALL, "-", str(tmp_path), str(package), USE])
    assert "web created" in shown


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
