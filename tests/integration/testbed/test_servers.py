"""Every server of the testbed keeps its data over crash, freeze and restart, and leaves nothing behind."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kazoo.client import KazooClient
from waiting import eventually

from midonet.events.errors import Unavailable
from midonet.testbed import (
    Kafka,
    KafkaCluster,
    OvsdbCluster,
    OvsdbServer,
    Postgres,
    Server,
    ZooKeeper,
    ZooKeeperEnsemble,
    ports,
)
from midonet.testbed.ports import PortLease
from midonet.testbed.server import run


def put_znode(hosts: str, value: str) -> None:
    client = KazooClient(hosts)
    client.start()
    client.create(f"/{value}")
    client.stop()
    client.close()


def get_znodes(hosts: str) -> list[str]:
    client = KazooClient(hosts)
    client.start()
    names = client.get_children("/")
    client.stop()
    client.close()
    return sorted(set(names) - {"zookeeper"})


def create_topic(bootstrap: str, name: str = "t") -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    if name not in admin.list_topics():
        admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=-1)])
    admin.close()


def put_record(bootstrap: str, value: str) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=False)
    producer.send("t", value.encode()).get(timeout=20)
    producer.close()


def put_first_record(bootstrap: str, value: str) -> None:
    create_topic(bootstrap)
    put_record(bootstrap, value)


def get_records(bootstrap: str) -> list[str]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=1000)
    consumer.assign([TopicPartition("t", 0)])
    consumer.seek_to_beginning()
    values = [record.value.decode() for record in consumer]
    consumer.close()
    return values


def put_row(url: str, value: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table if not exists t (value text)"))
        connection.execute(sa.text("insert into t values (:value)"), {"value": value})
    engine.dispose()


def get_rows(url: str) -> list[str]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        values = list(connection.execute(sa.text("select value from t order by value")).scalars())
    engine.dispose()
    return values


@dataclass(frozen=True)
class Store:
    """How a test keeps values in one kind of server."""

    make: Callable[[], Server]
    put: Callable[[Any, str], None]
    get: Callable[[Any], list[str]]


STORES = {
    "zookeeper": Store(ZooKeeper, lambda z, value: put_znode(z.hosts, value), lambda z: get_znodes(z.hosts)),
    "kafka": Store(Kafka, lambda k, value: put_first_record(k.bootstrap, value), lambda k: get_records(k.bootstrap)),
    "ovsdb": Store(
        OvsdbServer,
        lambda o, value: o.add_switch(value, ["swp1"], tunnel_ip="192.0.2.1"),
        lambda o: o.vtep_ctl("list-ps").split(),
    ),
    "postgres": Store(Postgres, lambda p, value: put_row(p.url, value), lambda p: get_rows(p.url)),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return STORES[request.param]


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_server_keeps_its_data_and_leaves_nothing(store: Store) -> None:
    with store.make() as server:
        store.put(server, "a")
        server.kill()
        assert not server.running
        server.restart()
        assert store.get(server) == ["a"]

        server.freeze()
        waiter = ThreadPoolExecutor(max_workers=1)
        late = waiter.submit(store.get, server)
        time.sleep(0.5)
        assert not late.done()
        server.thaw()
        assert late.result(timeout=20) == ["a"]
        waiter.shutdown()

        server.restart()
        store.put(server, "b")
        assert store.get(server) == ["a", "b"]
        pid = server.pid
    assert not lives(pid)
    assert not server.directory.exists()


def test_ensemble_survives_its_leader() -> None:
    with ZooKeeperEnsemble(3) as ensemble:
        leader = ensemble.leader
        assert leader is not None
        put_znode(ensemble.hosts, "a")
        leader.kill()
        assert eventually(lambda: ensemble.leader)
        survivors = ",".join(member.hosts for member in ensemble.members if member is not leader)
        put_znode(survivors, "b")
        leader.restart()
        assert get_znodes(leader.hosts) == ["a", "b"]


@pytest.mark.slow
def test_cluster_survives_a_broker() -> None:
    with KafkaCluster(3) as cluster:
        put_first_record(cluster.bootstrap, "a")
        cluster.members[0].kill()
        survivors = ",".join(member.bootstrap for member in cluster.members[1:])
        put_record(survivors, "b")
        cluster.members[0].restart()
        assert get_records(cluster.bootstrap) == ["a", "b"]


def test_record_of_16_mib_fits(kafka: Kafka, kafka_topic: str) -> None:
    create_topic(kafka.bootstrap, kafka_topic)
    size = 16 * 1024 * 1024
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=False, max_request_size=size + 1024)
    assert producer.send(kafka_topic, bytes(size)).get(timeout=20).offset == 0
    producer.close()


def test_switches_have_distinct_addresses(ovsdb: Callable[..., OvsdbServer]) -> None:
    first, second = ovsdb(), ovsdb(host="127.0.0.2")
    second.add_switch("tor2", ["swp1", "swp2"], tunnel_ip="192.0.2.2")
    assert second.tcp[0] == "127.0.0.2"
    assert second.vtep_ctl("get", "Physical_Switch", "tor2", "management_ips").strip() == '["127.0.0.2"]'
    assert second.vtep_ctl("list-ports", "tor2").split() == ["swp1", "swp2"]
    assert first.vtep_ctl("list-ps") == ""


def test_open_vswitch_database_has_its_root_row(ovsdb: Callable[..., OvsdbServer]) -> None:
    server = ovsdb("Open_vSwitch")
    rows = run("ovs-vsctl", f"--db=unix:{server.sock}", "--columns=bridges", "list", "Open_vSwitch")
    assert rows.strip() == "bridges             : []"


def test_ovsdb_cluster_survives_its_leader() -> None:
    with OvsdbCluster() as cluster:
        old = cluster.leader()
        old.add_switch("tor1", [], tunnel_ip="192.0.2.1")
        old.kill()
        new = cluster.leader()
        assert new is not old
        new.add_switch("tor2", [], tunnel_ip="192.0.2.2")
        old.restart()
        assert len(cluster.urls.split(",")) == 3
        assert run("vtep-ctl", f"--db={cluster.urls}", "--timeout=20", "list-ps").split() == ["tor1", "tor2"]


def test_every_test_has_its_own_database(postgres: Postgres, postgres_url: str) -> None:
    put_row(postgres_url, "a")
    assert get_rows(postgres_url) == ["a"]
    other = postgres.create_database()
    put_row(other, "b")
    assert get_rows(other) == ["b"]


def test_postgres_commits_are_durable(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        settings = [connection.execute(sa.text(f"show {name}")).scalar() for name in ("fsync", "synchronous_commit")]
    engine.dispose()
    assert settings == ["on", "on"]


PARENT = """
import os, signal, threading
from midonet.testbed import OvsdbServer
server = OvsdbServer()
starter = threading.Thread(target=server.start)
starter.start()
starter.join()
print(server.pid, server.directory, server.serves(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_server_ends_with_its_process_not_its_thread() -> None:
    parent = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=False)
    pid, directory, serves = parent.stdout.split()
    shutil.rmtree(directory)
    assert serves == "True"
    assert eventually(lambda: not lives(int(pid)))


class Failing(Server):
    """A server that says why it cannot run."""

    name = "failing"
    patience = 0.5

    def __init__(self, script: str) -> None:
        super().__init__()
        self.script = script

    def command(self) -> list[str]:
        """Run the script."""
        return ["sh", "-c", self.script]

    def serves(self) -> bool:
        """It never does."""
        return False


@pytest.mark.parametrize("script", ["echo no luck today; exit 1", "echo no luck today; exec sleep 60"])
def test_failed_start_is_reported_with_the_log(script: str) -> None:
    server = Failing(script)
    with pytest.raises(Unavailable, match="failing did not serve; its log ends:\nno luck today"), server:
        pass
    assert not server.running
    assert not server.directory.exists()


def test_missing_jars_are_reported_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDONET_JARS", str(tmp_path))
    with pytest.raises(Unavailable, match="make setup"), ZooKeeper():
        pass


def test_missing_program_is_reported_with_advice() -> None:
    with pytest.raises(Unavailable, match=r"cannot run no-such-program .*: run `make setup`"):
        run("no-such-program")


def test_leased_ports_are_exclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = PortLease()
    monkeypatch.setattr(ports, "_RANGE", [lease.port])
    monkeypatch.setattr(ports, "_ATTEMPTS", 1)
    with pytest.raises(OSError, match="no free port"):
        PortLease()
    lease.release()
    PortLease().release()
    with socket.create_server(("127.0.0.1", lease.port)), pytest.raises(OSError, match="no free port"):
        PortLease()
