"""Several daemons maintain one view: one writes, the others take over when it is killed or frozen."""

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from clustered import Scene
from waiting import eventually

from midonet.events.commands.command import Enable
from midonet.testbed import ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

Make = Callable[..., Scene]


def roles(daemons: list[ClusterDaemon]) -> list[str]:
    return [next(each["role"] for each in daemon.status()["projections"]) for daemon in daemons]


def writes(daemon: ClusterDaemon) -> int:
    lines = daemon.get("/metrics")[1].splitlines()
    return int(float(next(line for line in lines if line.startswith("midonet_projection_writes_total")).split()[-1]))


def settles_quickly(stage: Scene, seconds: float) -> None:
    begun = time.monotonic()
    stage.nsdb_settles()
    assert time.monotonic() - begun < seconds


@pytest.mark.alone
def test_standby_takes_over_after_kill_or_freeze(scene: Make) -> None:
    stage = scene()
    stage.create("bridge", name="first")
    daemons = [stage.daemon("--node", f"n{number}") for number in range(3)]
    for daemon in daemons:
        eventually(lambda daemon=daemon: daemon.get("/readyz")[0] == 200)  # type: ignore[misc]
    for number in range(30):
        stage.create("bridge", name=f"b{number}")
        time.sleep(0.02)
    stage.nsdb_settles()
    eventually(lambda: roles(daemons).count("writing") == 1)
    (writer,) = (daemon for daemon, role in zip(daemons, roles(daemons), strict=True) if role == "writing")
    counts = {daemon.port: writes(daemon) for daemon in daemons}
    assert sum(counts.values()) - counts[writer.port] < 10, "those that stand by do not race for every commit"

    os.kill(writer.pid, signal.SIGSTOP)
    stage.create("bridge", name="while it is frozen")
    settles_quickly(stage, 3)
    os.kill(writer.pid, signal.SIGCONT)
    for number in range(10):
        stage.create("bridge", name=f"c{number}")
    stage.nsdb_settles()
    eventually(lambda: roles(daemons).count("writing") == 1)

    (second,) = (daemon for daemon, role in zip(daemons, roles(daemons), strict=True) if role == "writing")
    second.kill()
    left = [daemon for daemon in daemons if daemon is not second]
    stage.create("bridge", name="after a death")
    settles_quickly(stage, 3)
    eventually(lambda: roles(left).count("writing") == 1)
    for daemon in left:
        eventually(lambda daemon=daemon: daemon.get("/readyz")[0] == 200)  # type: ignore[misc]
        assert daemon.status()["drift"] == [], "writes of another daemon are not drift"


def test_node_without_the_view_waits_for_it(scene: Make) -> None:
    stage = scene()
    writer, other = (stage.daemon("--node", name) for name in ("n1", "n2"))
    stage.run(Enable("nsdb", "n2", enabled=False))
    eventually(lambda: not other.status()["projections"] and writer.get("/readyz")[0] == 200, 60)

    def ask(path: str) -> Any:
        status, body = other.get(path)
        return json.loads(body) if status == 200 else None

    eventually(lambda: ask("/v1/projections/nsdb"), 30)
    (row,) = ask("/v1/projections/nsdb")
    assert (row["name"], row["node"], row["writing"]) == ("nsdb", "n1", 1)
    stage.create("bridge", name="b")
    end = ask("/v1/head")["position"]
    assert ask(f"/v1/wait?for=nsdb=20&position={end}")["views"] == {"nsdb": end}
    assert "there are nsdb" in other.get("/v1/wait?for=nothing=1")[1]
    writer.freeze()
    stage.create("bridge", name="c")
    assert other.get(f"/v1/wait?for=nsdb=0.5&position={end + 1}")[0] == 504
    writer.thaw()
    assert ask(f"/v1/wait?for=nsdb=20&position={end + 1}")["views"] == {"nsdb": end + 1}


def test_concurrent_writers_keep_the_view_correct(scene: Make, zookeeper: ZooKeeper) -> None:
    stage = scene(hosts=zookeeper.hosts)
    stage.create("bridge", name="first")
    daemons = [stage.daemon("--takeover-grace", "0.05", "--node", f"n{number}") for number in range(3)]
    for number in range(60):
        stage.set("bridge", "first", tenant=f"t{number}")
        victim = daemons[number % 3].pid
        os.kill(victim, signal.SIGSTOP)
        time.sleep(0.08)
        os.kill(victim, signal.SIGCONT)
    stage.nsdb_settles()
    assert [daemon.status()["drift"] for daemon in daemons] == [[], [], []]
