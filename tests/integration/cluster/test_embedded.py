"""ZooKeeper inside of the cluster: one machine needs none elsewhere, three nodes keep it through the loss of one."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import pytest
from clustered import Scene, eventually

from midonet.events.command import Create
from midonet.services.zookeeper.members import members_of
from midonet.services.zookeeper.server import mode
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
def ensemble(tmp_path: Path) -> Iterator[Callable[[int], Ensemble]]:
    """Make an ensemble of so many nodes."""
    with ExitStack() as stack:

        def make(count: int) -> Ensemble:
            leases = [[PortLease() for _ in range(3)] for _ in range(count)]
            for ports in leases:
                for port in ports:
                    stack.callback(port.release)
            members = ",".join(":".join([LOOPBACK, *(str(each.port) for each in ports)]) for ports in leases)
            hosts = ",".join(f"{LOOPBACK}:{ports[0].port}" for ports in leases)
            scene = stack.enter_context(Scene(f"sqlite:///{tmp_path}/log.db", hosts, "/mn"))
            nodes = [_node(scene, members, number) for number in range(1, count + 1)]
            for node in nodes:
                stack.callback(node.close)
            return Ensemble(scene, nodes, members)

        yield make


def _node(scene: Scene, members: str, number: int) -> ClusterDaemon:
    options = ["--zookeeper-members", members, "--zookeeper-member", str(number), "--zookeeper-data", "zookeeper"]
    where = ["--zookeeper-jars", str(jars("zookeeper")), "--root", scene.root, "--node", f"n{number}"]
    return ClusterDaemon("--log", scene.url, "--zookeeper", "embedded", *options, *where)


def ready(node: ClusterDaemon) -> bool:
    return node.get("/readyz")[0] == 200


def server_of(node: ClusterDaemon) -> list[str]:
    """Return the processes of the node's own ZooKeeper server."""
    done = subprocess.run(["pgrep", "-f", f"{node.directory}/zookeeper/zoo.cfg"], capture_output=True, check=False)
    return done.stdout.decode().split()


def test_one_machine_needs_no_other_zookeeper(ensemble: Callable[[int], Ensemble]) -> None:
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


def test_three_nodes_grow_together_and_survive_the_loss_of_one_and_of_its_disk(
    ensemble: Callable[[int], Ensemble],
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


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--zookeeper", "a:1", "--zookeeper-member", "1"], "needs `--zookeeper embedded`"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a,b"], "--zookeeper-member"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a,b", "--zookeeper-member", "3"], "2 members, not 3"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a:1:2:3:4"], "PEER_PORT"),
        (["--zookeeper", "embedded", "--zookeeper-members", "a:x"], "not HOST:PORT"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: list[str], problem: str) -> None:
    command = [sys.executable, "-m", "midonet.services.main", "run", "--log", "sqlite:////tmp/no.db", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, problem in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
