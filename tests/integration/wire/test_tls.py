"""TLS to real servers with valid, invalid and missing certificates, and access control."""

import base64
import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from clustered import Scene
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from kazoo.exceptions import NoAuthError
from kazoo.security import OPEN_ACL_UNSAFE
from waiting import eventually

from midonet.agent.zookeeper.session import Session
from midonet.events.commands.command import Create
from midonet.events.config import connection_security
from midonet.events.config.connection_security import ConnectionSecurity
from midonet.events.errors import Misconfigured, Unavailable
from midonet.events.log import open_log
from midonet.events.log.backends.kafka import client
from midonet.projections.ovsdb.client import Client as Switch
from midonet.projections.ovsdb.tls import wrap_tls
from midonet.projections.zookeeper import Client
from midonet.testbed.certificates import Authority, Tls
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
    return lambda **settings: monkeypatch.setattr(connection_security, "_in_use", ConnectionSecurity(**settings))


@pytest.fixture
def ours(authority: Authority) -> Callable[[str], dict[str, Any]]:
    """Return the settings of a client that belongs to us."""
    pair = authority.pair("client")
    return lambda of: {f"{of}_ca": str(authority.ca), f"{of}_cert": str(pair.certificate), f"{of}_key": str(pair.key)}


@pytest.fixture
def wrong(tmp_path: Path, authority: Authority) -> Callable[[str], list[dict[str, Any]]]:
    """Return settings of clients that are rejected: another CA, a certificate of another CA, and no certificate."""
    unauthorized = Authority(tmp_path / "theirs", "unauthorized")
    pair = unauthorized.pair("client")
    theirs = {"cert": str(pair.certificate), "key": str(pair.key)}
    kinds = [{"ca": str(unauthorized.ca), **theirs}, {"ca": str(authority.ca), **theirs}, {"ca": str(authority.ca)}]
    return lambda of: [{f"{of}_{name}": file for name, file in kind.items()} for kind in kinds]


# Switches


@pytest.fixture
def switch(authority: Authority) -> Iterator[OvsdbServer]:
    """A switch that speaks TLS only."""
    with OvsdbServer(tls=authority.tls()) as server:
        yield server


def test_many_threads_use_a_switch_over_tls(switch: OvsdbServer, speak: Any, ours: Any) -> None:
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


def test_switch_and_client_of_different_cas_are_rejected(switch: OvsdbServer, speak: Any, wrong: Any) -> None:
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


def test_zookeeper_over_tls(zookeeper: ZooKeeper, speak: Any, ours: Any, wrong: Any) -> None:
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


def test_acls_limit_agents_and_unauthorized_clients(zookeeper: ZooKeeper, speak: Any, tmp_path: Path) -> None:
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
        with closing(Client(zookeeper.hosts)) as unauthorized:
            unauthorized.connect(20)
            assert unauthorized.read_many(["/midonet/nsdb/1/checkpoint"]) == {}


def of_the_cluster(hosts: str) -> str:
    """Return why the cluster's client has no connection; an empty text if it has one."""
    with closing(Client(hosts)) as client:
        try:
            client.connect(3)
        except Unavailable as error:
            return error.message
        return ""


def of_an_agent(hosts: str) -> str:
    """Return why an agent has no connection; an empty text if it has one."""
    session = Session(hosts, timeout=5, wake=lambda: None)
    try:
        session.keep_connecting()
        with suppress(AssertionError):
            eventually(lambda: session.connected or session.trouble, 10)
        return "" if session.connected else session.trouble or "no word"
    finally:
        session.close(5)


@pytest.fixture
def public(zookeeper: ZooKeeper, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> ZooKeeper:
    """A server whose CA is among those that the machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    return zookeeper


@pytest.mark.parametrize("connected", [of_the_cluster, of_an_agent])
def test_server_of_a_system_ca_is_rejected(
    public: ZooKeeper, ours: Any, wrong: Any, connected: Any, speak: Any
) -> None:
    speak(**ours("zookeeper"))
    assert connected(public.secure) == ""
    speak(**ours("zookeeper") | {"zookeeper_ca": wrong("zookeeper")[0]["zookeeper_ca"]})
    assert "unable to get local issuer certificate" in connected(public.secure)


@pytest.mark.parametrize("connected", [of_the_cluster, of_an_agent])
def test_server_with_another_name_is_rejected(authority: Authority, ours: Any, connected: Any, speak: Any) -> None:
    with ZooKeeper(tls=Tls(authority.pair("elsewhere", here=False), authority.ca)) as zookeeper:
        speak(**ours("zookeeper"))
        assert "certificate is not valid for '127.0.0.1'" in connected(zookeeper.secure)


@pytest.mark.parametrize("peer", ["zookeeper", "kafka", "ovsdb"])
def test_unusable_key_and_certificate_files_are_named(
    peer: str, authority: Authority, speak: Any, tmp_path: Path
) -> None:
    connect: dict[str, Callable[[], object]] = {
        "zookeeper": lambda: Client("127.0.0.1:1"),
        "kafka": connection_security.kafka_tls,
        "ovsdb": lambda: wrap_tls(socket.socket()),
    }
    pair = authority.pair("client")
    locked, empty = tmp_path / "locked.key", tmp_path / "empty.pem"
    key = load_pem_private_key(pair.key.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"planted")))
    empty.touch()
    for ca, secret in ((authority.ca, locked), (empty, pair.key), (tmp_path / "gone", pair.key)):
        speak(**{f"{peer}_ca": str(ca), f"{peer}_cert": str(pair.certificate), f"{peer}_key": str(secret)})
        with pytest.raises(Misconfigured) as raised:
            connect[peer]()
        bad = ca if ca is not authority.ca else secret
        assert str(bad) in raised.value.message


# Kafka

_USERS = {"writer": "planted-kafka-pass"}


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kafka, Authority]]:
    """A broker that speaks TLS only, demands a certificate and a login; and the CA of both sides."""
    authority = Authority(tmp_path_factory.mktemp("brokers"))
    with Kafka(tls=authority.tls(), users=_USERS) as kafka:
        yield kafka, authority


@pytest.fixture
def signed_in(brokers: tuple[Kafka, Authority], tmp_path: Path) -> dict[str, str]:
    """Settings of a client that belongs there, by the mechanism that is used unless another one is said."""
    pair = brokers[1].pair("client")
    login = tmp_path / "login"
    login.write_text("".join(f"{name}:{password}" for name, password in _USERS.items()))
    files = {"ca": brokers[1].ca, "cert": pair.certificate, "key": pair.key, "login": login}
    return {f"kafka_{name}": str(file) for name, file in files.items()}


@pytest.mark.xdist_group("brokers")
@pytest.mark.slow
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_kafka_log_over_tls_with_login(
    brokers: tuple[Kafka, Authority], signed_in: dict[str, str], speak: Any, mechanism: str
) -> None:
    speak(**signed_in | {"kafka_mechanism": mechanism})
    with closing(open_log(f"kafka://{brokers[0].bootstrap}/{mechanism}")) as log:
        assert log.head().position == 0
        assert "planted" not in log.url


@pytest.fixture
def refused(signed_in: dict[str, str], wrong: Any, tmp_path: Path) -> list[dict[str, str]]:
    """Settings that are rejected: another password, a certificate of another CA, and no credentials."""
    another = tmp_path / "another"
    another.write_text("writer:planted-but-wrong")
    return [signed_in | {"kafka_login": str(another)}, signed_in | wrong("kafka")[1], {}]


@pytest.mark.xdist_group("brokers")
@pytest.mark.slow
def test_unauthorized_client_cannot_read_the_kafka_log(
    brokers: tuple[Kafka, Authority], refused: list[dict[str, str]], speak: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_CONNECT_SECONDS", 0.5)
    for settings in refused:
        speak(**settings)
        with pytest.raises(Unavailable) as raised:
            open_log(f"kafka://{brokers[0].bootstrap}/refused", create=False)
        assert "planted" not in str(raised.value)


@pytest.fixture
def everything(signed_in: dict[str, str], ours: Any, speak: Any) -> list[str]:
    """Options of a daemon that speaks TLS with Kafka and with ZooKeeper, as this process does as well."""
    settings = signed_in | ours("zookeeper")
    speak(**settings)
    return [part for name, value in settings.items() for part in ("--" + name.replace("_", "-"), value)]


@pytest.mark.xdist_group("brokers")
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_stream_processor_uses_the_login_of_the_log(
    brokers: tuple[Kafka, Authority], zookeeper: ZooKeeper, zk_root: str, everything: list[str]
) -> None:
    with Scene(f"kafka://{brokers[0].bootstrap}/streams", zookeeper.secure, zk_root) as scene:
        position = [scene.run(Create("bridge", {"name": name})) for name in "abc"][-1]
        daemon = scene.daemon(*everything, "--log-level", "debug")
        eventually(lambda: daemon.status()["details"].get("activity", {}).get("position") == position, 60)
        assert daemon.status()["details"]["activity"]["runtime"] == "FaustRuntime"
        scene.nsdb_settles()
        told = daemon.log.read_text() + daemon.get("/status")[1] + daemon.get("/metrics")[1]
        assert "planted" not in told
