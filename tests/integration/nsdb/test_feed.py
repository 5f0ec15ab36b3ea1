"""The feed follows a log that is absent, grows or cannot be understood, and tells its followers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from waiting import eventually

from midonet.events.commands.command import Command, Create
from midonet.events.commit import Commit, canonical
from midonet.events.errors import NotFound, VerificationFailed
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.engine.feed import Feed


class Witness:
    """A follower that notes what it is told."""

    def __init__(self) -> None:
        self.attached: list[int] = []
        self.kinds: list[str] = []
        self.woken = 0

    def attach(self, topology: Topology) -> None:
        """Note the position."""
        self.attached.append(topology.head.position)

    def apply(self, changes: Sequence[Change]) -> None:
        """Note the kinds."""
        self.kinds += [change.kind for change in changes]

    def wake(self) -> None:
        """Count."""
        self.woken += 1


@contextmanager
def following(url: str) -> Iterator[Feed]:
    feed = Feed(lambda: open_log(url, create=False), idle=0.1)
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()


def execute(store: Store, kind: str) -> None:
    store.execute(Command("test", [Create(kind, {})]), Context(actor="test"))


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where no log is yet."""
    return f"sqlite:///{tmp_path}/log.db"


def test_a_log_that_is_not_there_yet_is_awaited(url: str) -> None:
    with following(url) as feed:
        eventually(lambda: feed.error)
        execute(Store(open_log(url)), "bridge")
        eventually(lambda: feed.head.position == 1)
        eventually(lambda: feed.error is None)


def test_followers_get_every_commit_after_attachment(url: str) -> None:
    store = Store(open_log(url))
    execute(store, "bridge")
    with following(url) as feed:
        feed.wait_until_read(lambda: False)
        witness, gone = Witness(), Witness()
        feed.subscribe(witness)
        feed.subscribe(gone)
        feed.unsubscribe(gone)
        execute(store, "router")
        execute(store, "chain")
        eventually(lambda: witness.woken == 2)
        assert (witness.attached, witness.kinds) == ([1], ["router", "chain"])
        assert gone.woken == 0


def test_first_follower_is_woken_before_earlier_ones(url: str) -> None:
    store = Store(open_log(url))
    order: list[str] = []

    class Named(Witness):
        def __init__(self, name: str) -> None:
            super().__init__()
            self._name = name

        def wake(self) -> None:
            super().wake()
            order.append(self._name)

    with following(url) as feed:
        feed.wait_until_read(lambda: False)
        feed.subscribe(Named("first"))
        feed.subscribe(Named("second"))
        feed.subscribe(Named("ahead"), first=True)
        execute(store, "bridge")
        eventually(lambda: len(order) == 3)
    assert order == ["ahead", "first", "second"]


def test_reader_after_a_send_finds_followers_notified(url: str) -> None:
    store = Store(open_log(url))
    found: list[tuple[int, int]] = []
    looking: list[Thread] = []
    behind = Witness()

    class Sender(Witness):
        def send(self) -> bool:
            looking.append(Thread(target=look))
            looking[-1].start()  # it gets the lock when the feed gives it away
            return True

    with following(url) as feed:

        def look() -> None:
            with feed.reading() as topology:
                found.append((topology.head.position, len(behind.kinds)))

        feed.wait_until_read(lambda: False)
        feed.subscribe(Sender(), first=True)
        feed.subscribe(behind)
        for position in range(1, 21):
            execute(store, "bridge")
            eventually(lambda: len(behind.kinds) == position)  # noqa: B023 - it is called in this turn
        for thread in looking:
            thread.join()
        eventually(lambda: behind.woken == 20)
    assert [position for position, _ in found] == [told for _, told in found]


def test_topology_is_unreadable_after_a_failed_follower(url: str) -> None:
    store = Store(open_log(url))

    class Sender(Witness):
        def send(self) -> bool:
            return True

    class Broken(Witness):
        def apply(self, changes: Sequence[Change]) -> None:
            raise ValueError(changes)

    with following(url) as feed:
        feed.wait_until_read(lambda: False)
        feed.subscribe(Sender(), first=True)
        feed.subscribe(Broken())
        execute(store, "bridge")
        eventually(lambda: feed.error)
        with pytest.raises(VerificationFailed, match="unexpected"), feed.reading():
            pass


def test_heads_of_the_past_and_the_end_of_the_log(url: str) -> None:
    store = Store(open_log(url))
    for _ in range(3):
        execute(store, "bridge")
    with following(url) as feed:
        assert feed.wait_for(3, lambda: False)
        assert not feed.wait_for(4, lambda: False)
        assert feed.wait_for(4, lambda: True)
        log = open_log(url)
        assert [feed.head_at(position) for position in range(4)] == [log.head_at(position) for position in range(4)]
        assert [feed.next_after(position).position for position in range(4)] == [1, 2, 3, 3]
        feed._recent.popleft()  # noqa: SLF001 - as if much had happened since
        assert feed.head_at(0).position == 0
        with pytest.raises(NotFound):
            feed.head_at(4)


def test_a_commit_that_cannot_be_understood_stops_everything_before_it_is_half_done(url: str) -> None:
    store = Store(open_log(url))
    execute(store, "bridge")
    (record,) = store.log.read()
    commit = record.commit
    strange = [{**event, "v": 99} for event in [{"type": e.type, "key": e.key, "data": e.data} for e in commit.events]]
    fields = {name: getattr(commit, name) for name in Commit.__struct_fields__}
    bad = canonical({**fields, "position": 2, "prev": record.hash, "id": "other", "events": strange})
    with following(url) as feed:
        feed.wait_until_read(lambda: False)
        witness = Witness()
        feed.subscribe(witness)
        store.log.append(record.head, [bad])
        eventually(lambda: feed.error)
        assert feed.head.position == 1
        with pytest.raises(VerificationFailed, match="commit 2"), feed.reading():
            pass
        with pytest.raises(VerificationFailed):
            feed.wait_for(2, lambda: False)
        assert witness.woken == 0
