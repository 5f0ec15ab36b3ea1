"""What a commit changes is sent by the thread that reads the log, while the one that keeps the view rests."""

import threading
from collections.abc import Callable, Iterator, Mapping
from socket import SO_SNDBUF, SOL_SOCKET

import pytest
from kazoo.protocol.serialization import SetData
from projected import Keeper, Projected
from waiting import eventually

from midonet.events.errors import Unavailable
from midonet.projections.base import Checkpoint
from midonet.projections.zookeeper import ZooKeeperTarget
from midonet.projections.zookeeper.client import Client
from midonet.testbed import ZooKeeper


class Ahead(ZooKeeperTarget):
    """A target that notes what is begun and by whom, and whose answers can be held back."""

    def __init__(self, projected: Projected) -> None:
        super().__init__(projected.hosts, projected.root)
        self.begun: list[int] = []
        self.threads: set[str] = set()
        self.fails = False
        self.let_go = threading.Event()
        self.let_go.set()

    def begin(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> Callable[[], None] | None:
        """Note it; send nothing if it has to fail."""
        self.begun.append(checkpoint.position)
        self.threads.add(threading.current_thread().name)
        if self.fails:
            raise Unavailable("it was to fail")
        answer = super().begin(delta, checkpoint)
        assert answer is not None

        def wait() -> None:
            self.let_go.wait()
            answer()

        return wait


@pytest.fixture
def kept(projected: Projected) -> Iterator[tuple[Ahead, Keeper]]:
    """A writer of the view that pauses after it has begun a write."""
    target = Ahead(projected)
    keeper = projected.keep(target)
    eventually(lambda: keeper.runner.status().state == "live")

    def begins() -> bool:
        projected.create("bridge")
        projected.settle()
        return bool(target.begun)

    eventually(begins)  # no thread waits for the answer any more
    eventually(lambda: keeper.runner.status().position == projected.store.topology.head.position)
    yield target, keeper
    target.let_go.set()


def test_it_is_sent_by_the_thread_that_reads_the_log(projected: Projected, kept: tuple[Ahead, Keeper]) -> None:
    target, _ = kept
    assert target.threads == {"feed"}
    assert projected.differences() == []


def test_nothing_more_is_sent_before_the_answer(projected: Projected, kept: tuple[Ahead, Keeper]) -> None:
    target, keeper = kept
    target.let_go.clear()
    before = len(target.begun)

    def begins() -> bool:
        projected.create("bridge")
        eventually(lambda: keeper.feed.head == projected.store.topology.head)
        return len(target.begun) > before

    eventually(begins)
    for _ in range(5):
        projected.create("bridge")
    head = projected.store.topology.head
    eventually(lambda: keeper.feed.head == head)
    eventually(lambda: projected.reader.checkpoint().position == target.begun[-1])
    assert len(target.begun) == before + 1
    target.let_go.set()
    projected.settle()
    assert projected.differences() == []
    assert len(keeper.runner.drift) == 0


def test_unsent_values_are_written_by_the_thread(projected: Projected, kept: tuple[Ahead, Keeper]) -> None:
    target, keeper = kept
    target.fails, before = True, len(target.begun)

    def begins() -> bool:
        projected.create("bridge")
        projected.settle()
        return len(target.begun) > before

    eventually(begins)
    assert projected.differences() == []
    assert keeper.feed.error is None


def test_an_end_awaits_the_answer(projected: Projected, kept: tuple[Ahead, Keeper]) -> None:
    target, keeper = kept
    target.let_go.clear()
    before = len(target.begun)
    eventually(lambda: projected.create("bridge") and len(target.begun) > before)
    position = target.begun[-1]
    ending = threading.Thread(target=keeper.stop)
    ending.start()
    target.let_go.set()
    ending.join(30)
    assert not ending.is_alive()
    assert keeper.runner.status().position >= position


def test_a_network_that_takes_little_at_once_gets_all_in_order(zookeeper: ZooKeeper, zk_root: str) -> None:
    client = Client(zookeeper.hosts)
    try:
        client.connect(10)
        client.create(zk_root, b"", makepath=True)
        client._connection._socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)  # noqa: SLF001 - a slow one
        values = [bytes([number]) * size for number, size in enumerate((10, 700_000, 5, 300_000, 900_000, 1))]
        answers = [client.transact([SetData(zk_root, value, -1)]) for value in values]
        assert [answer.get() for answer in answers] == [[version] for version in range(1, len(values) + 1)]
        assert client.get(zk_root)[0] == values[-1]
    finally:
        client.close()
