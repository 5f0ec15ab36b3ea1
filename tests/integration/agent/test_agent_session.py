"""A session reports a change before a reply shows it, and does not wait long for a server that hangs."""

import socketserver
import threading
import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from agents import ViewWriter, running
from waiting import eventually

from midonet.agent.view.documents import Node
from midonet.agent.zookeeper.session import PATIENCE, Session
from midonet.events.errors import Unavailable
from midonet.projections.zookeeper.kazoo_connection import Connection
from midonet.testbed import ZooKeeper


@pytest.fixture
def session(zookeeper: ZooKeeper) -> Iterator[Session]:
    session = Session(zookeeper.hosts, timeout=4, wake=lambda: None)
    session.keep_connecting()
    eventually(lambda: session.connected)
    yield session
    session.close(5)


def test_a_change_is_reported_before_any_reply_that_shows_it(session: Session, writer: ViewWriter) -> None:
    paths = {f"{writer.base}/hosts", f"{writer.base}/models"}
    session.watch(writer.paths.pointer)
    stop = Event()

    def hammer() -> None:
        while not stop.wait(0.005):
            transaction = writer.client.transaction()
            for path in sorted(paths):
                transaction.set_data(path, b"")
            transaction.commit()

    thread = Thread(target=hammer)
    thread.start()
    shown, told_before, proofs = 0, paths, 0
    for _ in range(500):
        ((_, node),) = session.read([f"{writer.base}/hosts"])
        told = session.changes()
        if shown and node.zxid > shown:
            assert told | told_before >= paths
            proofs += not told_before
        shown, told_before = node.zxid, told
    stop.set()
    thread.join()
    assert proofs > 10


def test_absence_is_dated_by_the_nearest_ancestor(session: Session, writer: ViewWriter) -> None:
    path = f"{writer.base}/hosts/h"
    writer.client.create(path, b"")
    writer.client.delete(path)
    removed = writer.client.exists(f"{writer.base}/hosts").pzxid
    for missing in (path, f"{path}/below/it"):
        assert [node for _, node in session.read([missing])] == [Node(None, removed)]


def test_many_reads_come_back_in_order(session: Session, writer: ViewWriter) -> None:
    paths = [writer.base, f"{writer.base}/nothing", f"{writer.base}/hosts"] * 500
    assert [path for path, _ in session.read(paths)] == paths


@pytest.mark.alone
def test_a_call_to_a_server_that_hangs_times_out(session: Session, zookeeper: ZooKeeper, writer: ViewWriter) -> None:
    zookeeper.freeze()
    begin = time.monotonic()
    try:
        with pytest.raises(Unavailable, match=r"^ZooKeeper at .*: "):
            list(session.read([writer.base]))
        assert time.monotonic() - begin < 2 * PATIENCE
    finally:
        zookeeper.thaw()


class _NoZooKeeper(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(b"\0\0\0\2no")


def test_a_server_that_is_not_zookeeper_does_not_end_the_agent(zookeeper: ZooKeeper, zk_root: str, host: str) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _NoZooKeeper) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        with running(f"127.0.0.1:{other.server_address[1]},{zookeeper.hosts}", zk_root, host) as agent:
            eventually(lambda: agent.status.registered)
        other.shutdown()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_dead_connection_thread_is_restarted(
    zookeeper: ZooKeeper, writer: ViewWriter, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[threading.Thread] = []

    def break_once(connection: Any, buffer: bytes, offset: int) -> None:
        if not broken:
            broken.append(threading.current_thread())
            raise RuntimeError("no such event")
        read(connection, buffer, offset)

    read = Connection._read_watch_event  # noqa: SLF001 - the fault is injected here
    monkeypatch.setattr(Connection, "_read_watch_event", break_once)
    writer.switch()
    with running(zookeeper.hosts, writer.paths.pointer.removesuffix("/nsdb"), host):
        eventually(lambda: writer.applied(host) == 0)
        writer.commit(1, {}, {})
        eventually(lambda: writer.applied(host) == 1)
    assert not broken[0].is_alive()
