"""Embedded ZooKeeper: a single node, three nodes that tolerate the loss of one, TLS and ACLs."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import pytest
from clustered import Scene
from kazoo.exceptions import NoAuthError
from kazoo.security import make_digest_acl_credential
from waiting import eventually

from midonet.events.commands.command import Create
from midonet.events.config import connection_security
from midonet.events.config.connection_security import ConnectionSecurity, tls_context
from midonet.events.errors import Unavailable
from midonet.projections.zookeeper import Client
from midonet.services.zookeeper.server import mode
from midonet.services.zookeeper_members import members_of
from midonet.testbed.certificates import Authority
from midonet.testbed.cluster import ClusterDaemon
from midonet.testbed.jvm import jars
from midonet.testbed.ports import PortLease
from midonet.testbed.server import LOOPBACK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Ensemble(NamedTuple):
    """Nodes that are each a member, none of them started; and a scene of their log and their ZooKeeper."""

    scene: Scene
    nodes: list[ClusterDaemon]
    members: str

    def modes(self) -> list[str | None]:
        """Return what each member says it is."""
        return [mode(member) for member in members_of(self.members)]

    def folder(self, number: int) -> Path:
        """Return the folder of a member's data."""
        return self.nodes[number].directory / "zookeeper"


@pytest.fixture
def ensemble(tmp_path: Path) -> Iterator[Callable[..., Ensemble]]:
    """Make an ensemble of so many nodes, with options for all of them."""
    with ExitStack() as stack:

        def make(count: int, *options: str) -> Ensemble:
            leases = [[PortLease() for _ in range(3)] for _ in range(count)]
            for ports in leases:
                for port in ports:
                    stack.callback(port.release)
            members = ",".join(":".join([LOOPBACK, *(str(each.port) for each in ports)]) for ports in leases)
            hosts = ",".join(f"{LOOPBACK}:{ports[0].port}" for ports in leases)
            scene = stack.enter_context(Scene(f"sqlite:///{tmp_path}/log.db", hosts, "/mn"))
            nodes = [_node(scene, members, number, *options) for number in range(1, count + 1)]
            for node in nodes:
                stack.callback(node.close)
            return Ensemble(scene, nodes, members)

        yield make


def _node(scene: Scene, members: str, number: int, *more: str) -> ClusterDaemon:
    options = [
        *more,
        "--zookeeper-members",
        members,
        "--zookeeper-member",
        str(number),
        "--zookeeper-data",
        "zookeeper",
    ]
    where = ["--zookeeper-jars", str(jars("zookeeper")), "--root", scene.root, "--node", f"n{number}"]
    return ClusterDaemon("--log", scene.url, "--zookeeper", "embedded", *options, *where)


def ready(node: ClusterDaemon) -> bool:
    return node.get("/readyz")[0] == 200


def server_of(node: ClusterDaemon) -> list[str]:
    """Return the processes of the node's own ZooKeeper server."""
    done = subprocess.run(["pgrep", "-f", f"{node.directory}/zookeeper/zoo.cfg"], capture_output=True, check=False)
    return done.stdout.decode().split()


def test_single_node_with_embedded_zookeeper(ensemble: Callable[..., Ensemble]) -> None:
    one = ensemble(1)
    (node,) = one.nodes
    node.start()
    one.scene.create("bridge", name="b")
    eventually(lambda: ready(node), 60)
    one.scene.nsdb_settles()
    assert server_of(node)
    node.kill()
    eventually(lambda: not server_of(node))
    node.start()
    eventually(lambda: ready(node), 60)
    one.scene.create("bridge", name="c")
    one.scene.nsdb_settles()
    begun = time.monotonic()
    node.stop()
    assert time.monotonic() - begun < 10
    assert not server_of(node)


@pytest.mark.parametrize("number", [1, 2])
def test_other_cluster_is_refused_in_one_line(ensemble: Callable[..., Ensemble], tmp_path: Path, number: int) -> None:
    one = ensemble(1)
    (node,) = one.nodes
    node.start()
    one.scene.create("bridge", name="b")
    one.scene.nsdb_settles()
    other = f"sqlite:///{tmp_path}/other.db"
    members = f"{one.members},{LOOPBACK}:1:2:3"
    where = ["--zookeeper-members", members, "--zookeeper-member", str(number), "--root", one.scene.root]
    command = [sys.executable, "-m", "midonet.services.main", "run", "--log", other, "--zookeeper", "embedded", *where]
    data = ["--zookeeper-data", str(tmp_path / "other"), "--http", f"{LOOPBACK}:0"]
    done = subprocess.run([*command, *data], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1), done.stderr
    assert f"{LOOPBACK}:{members_of(one.members)[0].client}" in done.stderr
    assert "it belongs to another cluster" in done.stderr
    assert not (tmp_path / "other.db").exists()


def test_ensemble_grows_and_survives_a_lost_disk(
    ensemble: Callable[..., Ensemble],
) -> None:
    three = ensemble(3)
    scene, nodes = three.scene, three.nodes
    nodes[0].start()
    eventually(lambda: three.modes() == ["leader", None, None], 60)
    scene.create("bridge", name="written while there is one")
    scene.nsdb_settles(60)
    for node in nodes[1:]:
        node.start()
        eventually(lambda node=node: ready(node), 60)  # type: ignore[misc]
    eventually(lambda: sorted(map(str, three.modes())) == ["follower", "follower", "leader"])
    leader = nodes[three.modes().index("leader")]
    leader.kill()
    eventually(lambda: not server_of(leader))
    scene.create("bridge", name="written without the leader")
    scene.nsdb_settles(60)
    leader.start()
    eventually(lambda: ready(leader), 60)
    eventually(lambda: sorted(map(str, three.modes())) == ["follower", "follower", "leader"], 60)
    nodes[0].kill()
    rmtree(three.folder(0))  # the founder must found nothing anew
    position = scene.run(Create("bridge", {"name": "written while the founder has no data"}))
    nodes[0].start()
    eventually(lambda: ready(nodes[0]), 60)
    assert sorted(map(str, three.modes())) == ["follower", "follower", "leader"]
    assert scene.nsdb_position() >= position


PLANTED = "planted-cluster-pass"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The CA of clients and members."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def protected(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings with TLS and a login, by which this process speaks to ZooKeeper as well."""
    pair = authority.pair("node")
    login = tmp_path / "login"
    login.write_text(f"cluster:{PLANTED}")
    files = {"ca": authority.ca, "cert": pair.certificate, "key": pair.key, "login": login}
    settings = {f"zookeeper_{name}": str(file) for name, file in files.items()}
    monkeypatch.setattr(connection_security, "_in_use", ConnectionSecurity(**settings))  # type: ignore[arg-type]
    return settings


def as_options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--" + name.replace("_", "-"), value)]


def reads(hosts: str, path: str) -> bool:
    """Return whether a client as this process makes them now can read a node; `Unavailable` if it cannot ask."""
    with closing(Client(hosts)) as client:
        client.connect(2)
        with client.failures():
            return bool(client.read_many([path]))


def fingerprint(hosts: str, settings: Mapping[str, str]) -> bytes:
    """Return what tells the certificate that a server shows at the moment from others."""
    files = (settings[f"zookeeper_{name}"] for name in ("ca", "cert", "key"))
    host, _, port = hosts.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        context = tls_context("ZooKeeper", *files)
        with context.wrap_socket(plain, server_hostname=host) as secure:
            return secure.getpeercert(binary_form=True) or b""


def shows_another(hosts: str, settings: Mapping[str, str], before: bytes) -> bool:
    """Return whether a server shows another certificate, with its key: one file is replaced after the other."""
    try:
        return fingerprint(hosts, settings) != before
    except ssl.SSLError:
        return False


def ports_of(process: str) -> list[int]:
    """Return where a process listens."""
    done = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True)
    return [int(line.split()[3].rpartition(":")[2]) for line in done.stdout.splitlines() if f"pid={process}," in line]


def test_embedded_member_enforces_tls_and_acls(
    ensemble: Callable[..., Ensemble],
    protected: dict[str, str],
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = ensemble(1, *as_options(protected), "--log-level", "debug")
    (node,) = one.nodes
    node.start()
    one.scene.create("bridge", name="b")
    eventually(lambda: ready(node), 60)
    one.scene.nsdb_settles()
    (process,) = server_of(node)
    hosts, view = one.scene.hosts, f"{one.scene.root}/nsdb"
    assert reads(hosts, view)
    monkeypatch.setattr(connection_security, "_in_use", ConnectionSecurity())
    for port in {*ports_of(process), int(hosts.rpartition(":")[2])}:  # ZooKeeper has one for the machine itself
        with pytest.raises(Unavailable):
            reads(f"{LOOPBACK}:{port}", view)
    unauthorized = {name: value for name, value in protected.items() if name != "zookeeper_login"}
    settings = ConnectionSecurity(**(unauthorized | {"zookeeper_agents": "agent:x"}))  # type: ignore[arg-type]
    monkeypatch.setattr(connection_security, "_in_use", settings)
    assert reads(hosts, one.scene.root)  # every client may, as no agents are configured
    with closing(Client(hosts)) as client:
        client.connect(10)
        with pytest.raises(NoAuthError):
            client.delete(view)
    before = fingerprint(hosts, protected)
    authority.pair("node")  # the files are replaced
    eventually(lambda: shows_another(hosts, protected, before), 60)
    told = [Path(f"/proc/{process}/cmdline").read_text(), *(path.read_text() for path in one.folder(0).glob("log"))]
    digest = make_digest_acl_credential("cluster", PLANTED)
    assert not [text for text in [*told, node.log.read_text()] if PLANTED in text or digest in text]
    assert one.folder(0).stat().st_mode & 0o077 == 0


def test_members_use_tls_with_their_own_ca(
    ensemble: Callable[..., Ensemble], protected: dict[str, str], authority: Authority, tmp_path: Path
) -> None:
    members = Authority(tmp_path / "members", "members")
    own = members.pair("member")
    files = {"ca": str(members.ca), "cert": str(own.certificate), "key": str(own.key)}
    options = as_options(protected | {f"zookeeper_members_{name}": file for name, file in files.items()})
    two = ensemble(2, *options)
    second = two.nodes[1]
    with _node(two.scene, two.members.partition(",")[0], 1, *options) as first:  # one that is to grow
        eventually(lambda: ready(first), 60)
        second.start()
        eventually(lambda: ready(second), 60)
        assert two.modes() == ["leader", "follower"]
        two.scene.create("bridge", name="on both")
        two.scene.nsdb_settles(60)
        pair = authority.pair("agent")
        unauthorized = tls_context("members", str(members.ca), str(pair.certificate), str(pair.key))
        for context in (unauthorized, tls_context("members", str(members.ca), None, None)):
            with pytest.raises(ssl.SSLError, match="alert"):
                knock(context, members_of(two.members)[0].election)


def knock(context: ssl.SSLContext, port: int) -> bytes:
    """Say something to a port over TLS; return what it answers."""
    plain = socket.create_connection((LOOPBACK, port), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=LOOPBACK) as secure:
        secure.sendall(bytes(8))
        return secure.recv(1)


def test_tls_can_be_enabled_later(
    ensemble: Callable[..., Ensemble], protected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ensemble(1)
    (before,) = one.nodes
    with monkeypatch.context() as patch:
        patch.setattr(connection_security, "_in_use", ConnectionSecurity())
        before.start()
        one.scene.create("bridge", name="written before")
        eventually(lambda: ready(before), 60)
        one.scene.nsdb_settles()
        before.stop()
    data = before.directory / "zookeeper"
    after = _node(one.scene, one.members, 1, *as_options(protected), "--zookeeper-data", str(data))
    with after:
        eventually(lambda: ready(after), 60)
        one.scene.create("bridge", name="written after")
        one.scene.nsdb_settles()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--zookeeper", "a:1", "--zookeeper-member", "1"], "needs `--zookeeper embedded`"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a,b"], "--zookeeper-member"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a,b", "--zookeeper-member", "3"], "2 members, not 3"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a:1:2:3:4"], "PEER_PORT"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a:x"], "not HOST:PORT"),
        (["--zookeeper", "embedded", "--zookeeper-ca", "ca.pem"], "needs a certificate"),
        (["--zookeeper", "embedded", "--zookeeper-members-ca", "ca.pem"], "needs zookeeper_members_cert"),
    ],
)
def test_invalid_settings_are_rejected(options: list[str], problem: str) -> None:
    command = [sys.executable, "-m", "midonet.services.main", "run", "--log", "sqlite:////tmp/no.db", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, problem in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
