"""Connections to real servers over TLS: with the right certificates, with wrong ones, with none; and who may write."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from kazoo.exceptions import NoAuthError
from kazoo.security import OPEN_ACL_UNSAFE

from midonet.events import wire
from midonet.events.errors import Misconfigured, Unavailable
from midonet.events.log import open_log
from midonet.events.wire import Wire
from midonet.projections.ovsdb.client import Client as Switch
from midonet.projections.zookeeper import Client
from midonet.testbed.certificates import Authority
from midonet.testbed.kafka import Kafka
from midonet.testbed.ovsdb import OvsdbServer
from midonet.testbed.zookeeper import ZooKeeper


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The CA of all servers and clients that belong to us."""
    return Authority(tmp_path / "ours")


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let connections be protected in some way, for the time of the test."""
    return lambda **settings: monkeypatch.setattr(wire, "_in_use", Wire(**settings))


@pytest.fixture
def ours(authority: Authority) -> Callable[[str], dict[str, Any]]:
    """Return the settings of a client that belongs to us."""
    pair = authority.pair("client")
    return lambda of: {f"{of}_ca": str(authority.ca), f"{of}_cert": str(pair.certificate), f"{of}_key": str(pair.key)}


@pytest.fixture
def wrong(tmp_path: Path, authority: Authority) -> Callable[[str], list[dict[str, Any]]]:
    """Return settings of clients that do not: of another CA, with a stranger's certificate, and with none."""
    stranger = Authority(tmp_path / "theirs", "stranger")
    pair = stranger.pair("client")
    theirs = {"cert": str(pair.certificate), "key": str(pair.key)}
    kinds = [{"ca": str(stranger.ca), **theirs}, {"ca": str(authority.ca), **theirs}, {"ca": str(authority.ca)}]
    return lambda of: [{f"{of}_{name}": file for name, file in kind.items()} for kind in kinds]


# Switches


@pytest.fixture
def switch(authority: Authority) -> Iterator[OvsdbServer]:
    """A switch that speaks TLS only."""
    with OvsdbServer(tls=authority.tls()) as server:
        yield server


def test_a_switch_is_spoken_to_over_tls_by_many_threads(switch: OvsdbServer, speak: Any, ours: Any) -> None:
    speak(**ours("ovsdb"))
    seen: list[Any] = []
    with closing(Switch(switch.tcp)) as client:
        client.monitor("hardware_vtep", {"Logical_Switch": ["name"]}, seen.append)

        def insert(thread: int) -> None:
            for number in range(50):
                row = {"name": f"{thread}-{number}", "description": "x" * 5_000}
                client.transact("hardware_vtep", [{"op": "insert", "table": "Logical_Switch", "row": row}])

        threads = [Thread(target=insert, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.echo()
    assert sum(len(update["Logical_Switch"]) for update in seen if update) == 200


def test_a_switch_and_a_client_that_do_not_belong_together_are_refused(
    switch: OvsdbServer, speak: Any, wrong: Any
) -> None:
    for settings in [*wrong("ovsdb"), {}]:
        speak(**settings)
        with pytest.raises(Unavailable), closing(Switch(switch.tcp, timeout=5)) as client:
            client.echo()
    speak(ovsdb_ca="/nonexistent.pem")
    with pytest.raises(Misconfigured, match="no TLS with switches"):
        Switch(switch.tcp)


# ZooKeeper


@pytest.fixture
def zookeeper(authority: Authority) -> Iterator[ZooKeeper]:
    """A server with a port that speaks TLS."""
    with ZooKeeper(tls=authority.tls()) as server:
        yield server


def test_zookeeper_is_spoken_to_over_tls(zookeeper: ZooKeeper, speak: Any, ours: Any, wrong: Any) -> None:
    speak(**ours("zookeeper"))
    with closing(Client(zookeeper.secure)) as client:
        client.connect(20)
        client.create("/here", b"x")
        assert client.read_many(["/here"]) == {"/here": b"x"}
        assert client.get_acls("/here")[0] == OPEN_ACL_UNSAFE
    for settings in [*wrong("zookeeper"), {}]:
        speak(**settings)
        with closing(Client(zookeeper.secure)) as client, pytest.raises(Unavailable):
            client.connect(2)
    speak(zookeeper_ca="/nonexistent.pem")
    with pytest.raises(Misconfigured, match="no TLS with ZooKeeper"):
        Client(zookeeper.secure)


def test_agents_write_only_what_is_theirs_and_strangers_read_nothing(
    zookeeper: ZooKeeper, speak: Any, tmp_path: Path
) -> None:
    logins = {}
    for name in ("cluster", "agent"):
        logins[name] = str(tmp_path / name)
        Path(logins[name]).write_text(f"{name}:secret of {name}\n")
    identities = {
        name: f"{name}:{base64.b64encode(hashlib.sha1(f'{name}:secret of {name}'.encode()).digest()).decode()}"  # noqa: S324 - ZooKeeper's own
        for name in logins
    }
    speak(zookeeper_login=logins["cluster"], zookeeper_agents=identities["agent"])
    with closing(Client(zookeeper.hosts)) as cluster:
        cluster.connect(20)
        cluster.ensure_path("/midonet/nsdb/1")
        cluster.ensure_path("/midonet/state")
        cluster.create("/midonet/state/hosts")
        transaction = cluster.transaction()
        transaction.create("/midonet/nsdb/1/checkpoint", b"{}")
        transaction.commit()
        speak(zookeeper_login=logins["agent"], zookeeper_cluster=identities["cluster"])
        with closing(Client(zookeeper.hosts)) as agent:
            agent.connect(20)
            assert agent.get("/midonet/nsdb/1/checkpoint")[0] == b"{}"
            agent.create("/midonet/state/hosts/h1", b"alive", ephemeral=True)
            with pytest.raises(NoAuthError):
                agent.set("/midonet/nsdb/1/checkpoint", b"forged")
            with pytest.raises(NoAuthError):
                agent.delete("/midonet/nsdb/1/checkpoint")
            for path in ("/midonet/nsdb/1/more", "/midonet/other"):
                with pytest.raises(NoAuthError):
                    agent.create(path)
            assert cluster.get("/midonet/state/hosts/h1")[0] == b"alive"
            cluster.delete("/midonet/state/hosts/h1")
        speak()
        with closing(Client(zookeeper.hosts)) as stranger:
            stranger.connect(20)
            assert stranger.read_many(["/midonet/nsdb/1/checkpoint"]) == {}


# Kafka


@pytest.mark.slow
def test_a_log_on_kafka_over_tls_with_a_login(
    authority: Authority, speak: Any, ours: Any, wrong: Any, tmp_path: Path
) -> None:
    login = tmp_path / "login"
    login.write_text("writer:planted-kafka-pass")
    with Kafka(tls=authority.tls(), users={"writer": "planted-kafka-pass"}) as kafka:
        url = f"kafka://{kafka.bootstrap}/midonet.topology"
        good = {**ours("kafka"), "kafka_login": str(login), "kafka_mechanism": "PLAIN"}
        speak(**good)
        with closing(open_log(url)) as log:
            assert log.head().position == 0
            assert "planted" not in log.url
        login.write_text("writer:wrong")
        refused = [good, {**wrong("kafka")[1], "kafka_login": str(login), "kafka_mechanism": "PLAIN"}, {}]
        for settings in refused:
            speak(**settings)
            with pytest.raises(Unavailable) as raised:
                open_log(url, create=False)
            assert "planted" not in str(raised.value)
